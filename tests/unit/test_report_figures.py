"""Titles of charts: one telling and one judging a report, whatever was drawn before."""

from __future__ import annotations

from itertools import permutations

from reports.narrative.template import Teller
from tests.unit.test_narrative_template import brief, sales

ABOUT = ("finding", "movers", "leaders")


def test_a_title_does_not_depend_on_those_before_it() -> None:
    told = brief(sales())
    (kpi,) = {fact.kpi for fact in told.facts}
    alone = {about: Teller(told).sentence(kpi, about) for about in ABOUT}
    assert len({draft.text for draft in alone.values() if draft}) > 1
    for order in permutations(ABOUT):
        shared = Teller(told)
        assert {about: shared.sentence(kpi, about) for about in order} == alone
