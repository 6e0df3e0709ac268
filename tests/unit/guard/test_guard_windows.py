"""Ranks are told with the number of periods that they are among, and only with that one."""

# ruff: noqa: RUF001 - Japanese and Arabic have punctuation and letters of their own.
from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.guard import Context, Paragraph, Value, check

RANK = Value("rank", Decimal(4), "", ("Net sales",), period="2010-W50", rank_of=8,
             compared_to="2010-W43")  # fmt: skip
TOP = replace(RANK, id="top", value=Decimal(1), names=("Visits",))
GAPS = replace(RANK, id="gaps", names=("Orders",), compared_to="2010-W41")
MEMBER = Value("member", Decimal(2), "", ("Net sales",), "Germany", "2010-W50", rank_of=38)
EIGHT = Value("eight", Decimal(8), "returns", ("Returns",), period="2010-W50")
LEAD = Value("lead", Decimal(8), "days", ("Lead time",), period="2010-W50")
VALUES = (RANK, TOP, GAPS, MEMBER, EIGHT, LEAD)

TRUE = {
    "en": "Net sales were the fourth-highest of the last eight weeks.|"
    "Net sales ranked fourth among the past 8 weeks.|"
    "Net sales were the fifth-lowest in the last eight weeks.|"
    "Visits were the highest of the last eight weeks.|Visits were the highest in eight weeks.|"
    "Orders were the fourth-highest of the last eight weeks with data.|"
    "Visits were the highest of the last eight weeks, and net sales the fourth-highest of the "
    "last eight weeks.|The lead time was 8 days.",
    "de": "Die Kennzahl Net sales liegt auf dem vierten Platz der letzten acht Wochen.|"
    "Net sales: Das ist der vierthöchste Wert der letzten 8 Wochen.|"
    "Net sales: Das ist der fünftniedrigste Wert in den letzten acht Wochen.|"
    "Visits: Das ist der höchste Wert der letzten acht Wochen.|"
    "Orders: Das ist der vierthöchste Wert der letzten acht Wochen mit Daten.",
    "ja": "「Visits」は直近8週間で最も高い値。|「Net sales」は直近 8 週間での順位：#4。",
    "ar": "Visits: أعلى قيمة بين آخر 8 أسابيع.",
}
FALSE = {
    "en": "Net sales were the fourth-highest of the last seven weeks.|"
    "Net sales were the fourth-highest of the last 16 weeks.|"
    "Net sales were the fourth-highest of the last eight months.|"
    "Net sales were the fourth-highest of the last eight days.|"
    "Net sales were the fourth-lowest of the last eight weeks.|"
    "Net sales were the third-highest of the last eight weeks.|"
    "Net sales were the highest of the last eight weeks.|"
    "Net sales were the fourth-highest of about eight weeks.|"
    "Net sales were the fourth-highest of more than eight weeks.|"
    "Net sales were the fourth-highest of the last eighty weeks.|"
    "Net sales were the fourth-highest of the next eight weeks.|"
    "Visits were the highest in nine weeks.|Visits were the highest in eight years.|"
    "Orders were the fourth-highest of the last eight weeks.|"
    "Net sales in Germany ranked second of the last 38 weeks.|"
    "Returns came to 8 in the last 8 weeks.|Returns came to 8 over the past eight weeks.|"
    "The lead time was 8 days in the last 8 days.",
    "de": "Net sales: Das ist der vierthöchste Wert der letzten sieben Wochen.|"
    "Net sales: Das ist der dritthöchste Wert der letzten acht Wochen.|"
    "Net sales: Das ist der viertniedrigste Wert der letzten acht Wochen.|"
    "Net sales: Das ist der vierthöchste Wert der letzten acht Monate.|"
    "Orders: Das ist der vierthöchste Wert der letzten acht Wochen.",
    "ja": "「Visits」は直近9週間で最も高い値。|「Visits」は直近8か月で最も高い値。|"
    "「Net sales」は直近 8 週間での順位：#3。|「Net sales」は直近8週間で最も高い値。",
    "ar": "Visits: أعلى قيمة بين آخر 9 أسابيع.|Visits: أعلى قيمة بين آخر 8 أشهر.",
}


def accepts(text: str, language: str, values: tuple[Value, ...] = VALUES) -> bool:
    cites = tuple(value.id for value in values)
    return check(Paragraph(text, cites), Context(values, (values[0].period,)), language).ok


@pytest.mark.parametrize(
    ("language", "text"), [(k, t) for k, v in TRUE.items() for t in v.split("|")]
)
def test_the_true_number_of_periods_passes(language: str, text: str) -> None:
    assert accepts(text, language)


@pytest.mark.parametrize(
    ("language", "text"), [(k, t) for k, v in FALSE.items() for t in v.split("|")]
)
def test_any_other_is_refused(language: str, text: str) -> None:
    assert not accepts(text, language)


def test_the_number_of_periods_links_to_the_rank() -> None:
    text = "Net sales were the fourth-highest of the last eight weeks."
    verdict = check(Paragraph(text, ("rank",)), Context(VALUES, ("2010-W50",)))
    assert [(text[one.start : one.end], one.ids) for one in verdict.links] == [
        ("fourth", ("rank",)),
        ("eight", ("rank",)),
    ]


PERIODS = {
    "days": ("2010-03-01", "2010-02-{:02}", 28),
    "weeks": ("2010-W30", "2010-W{:02}", 29),
    "months": ("2010-12", "2010-{:02}", 11),
    "years": ("2030", "20{:02}", 29),
}
"""Unit -> a period, the one that lies n periods after some other, and the last such n."""

NAMES = "second third fourth fifth sixth seventh eighth ninth tenth eleventh".split()  # noqa: SIM905


@given(st.sampled_from(sorted(PERIODS)), st.integers(4, 11), st.integers(4, 11), st.data())
def test_of_any_two_counts_only_the_true_one_passes(
    unit: str, among: int, said: int, data: st.DataObject
) -> None:
    now, pattern, last = PERIODS[unit]
    place = data.draw(st.integers(2, among))
    first = pattern.format(last + 2 - among)
    rank = replace(RANK, value=Decimal(place), rank_of=among, period=now, compared_to=first)
    other = data.draw(st.sampled_from(sorted({*PERIODS} - {unit})))
    name = NAMES[place - 2]
    text = "Net sales were the {}-highest of the last {} {}."
    assert accepts(text.format(name, said, unit), "en", (rank,)) == (said == among)
    assert not accepts(text.format(name, among, other), "en", (rank,))
    assert not accepts(text.format(name, among - 1, unit), "en", (rank, TOP))
