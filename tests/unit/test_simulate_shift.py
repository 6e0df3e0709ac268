"""Visitors differ for good, and a shift changes what it says, from its moment on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer import Typer
from typer.testing import CliRunner

from platform_assets.cli import data as cli_data
from platform_assets.connectors.envelope import micros
from platform_assets.connectors.simulate import Shift, world
from platform_assets.connectors.simulate.clickstream import Clickstream, LiveClickstream
from platform_assets.core.errors import WeirError
from tests.unit.test_simulate_history import CLEAN, UNTIL, contract_of, decoded, made

CLICKS = "commerce.clickstream"
MOMENT = UNTIL - timedelta(weeks=2)


def rows(topic: str = CLICKS, events: int = 3_000, **options: Any) -> list[dict[str, Any]]:
    sent, _ = made(events, topics=[topic], weeks=4, shares=CLEAN, **options)
    return [decoded(contract_of(topic), record.value) or {} for record in sent]


def parts(shift: Shift | None) -> list[tuple[int, float, float]]:
    """Sessions' events, carts over views, mean price of a purchase: before and after the moment."""
    start, end = micros(MOMENT - timedelta(weeks=2)), micros(UNTIL)
    drawn = Clickstream(shift).draw(np.random.default_rng(4), 120_000, start, end)
    found = []
    for part in (drawn.times < micros(MOMENT), drawn.times >= micros(MOMENT)):
        kinds = np.array(drawn.after["event_type"])[part]
        prices = np.array(drawn.after["price"])[part][kinds == "purchase"]
        carts = (kinds == "cart").sum() / (kinds == "view").sum()
        found.append((int(part.sum()), float(carts), float(prices.mean())))
    return found


def test_a_shift_changes_what_comes_after_and_nothing_before() -> None:
    usual, _ = parts(None)
    before, after = parts(Shift(MOMENT, conversion=3))
    assert before[1] == pytest.approx(usual[1], rel=0.05)
    assert 2.2 < after[1] / before[1] < 3.2
    before, after = parts(Shift(MOMENT, activity=1.5))
    assert after[0] / before[0] == pytest.approx(1.5, rel=0.03)
    assert after[1] == pytest.approx(usual[1], rel=0.05)
    before, after = parts(Shift(MOMENT, price=1.2))
    assert before[2] == pytest.approx(usual[2], rel=0.07)
    assert after[2] / before[2] == pytest.approx(1.2, rel=0.07)


def test_a_shift_that_changes_nothing_draws_the_same_visits() -> None:
    same = rows(shift=Shift(MOMENT))
    assert [(row["occurred_at"], row["after"]) for row in same] == [
        (row["occurred_at"], row["after"]) for row in rows()
    ]
    assert {row["event_id"] for row in same}.isdisjoint(row["event_id"] for row in rows())


def test_other_topics_are_left_alone() -> None:
    topic = "energy.meter_readings"
    shifted = rows(topic, 500, shift=Shift(MOMENT, 3, 3, 3))
    assert [row["after"] for row in shifted] == [row["after"] for row in rows(topic, 500)]


@settings(max_examples=5)
@given(
    events=st.integers(0, 400), factor=st.floats(0.1, 5), days=st.integers(-10, 40),
)  # fmt: skip
def test_same_shift_same_bytes_and_the_number_of_records_is_exact(
    events: int, factor: float, days: int
) -> None:
    shift = Shift(UNTIL - timedelta(days=days), factor, factor, factor)
    once, again = (made(events, weeks=4, shift=shift)[0] for _ in range(2))
    assert once == again
    assert len(once) == events


@given(st.integers(0, 100), st.integers(1, 100), st.integers(-200, 200), st.floats(0.01, 100))
def test_shares_of_time_add_up(start: int, length: int, moment: int, activity: float) -> None:
    end = start + length
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment)
    shares = [Shift(at, activity=activity).share(start, end, t) for t in range(start, end + 1)]
    assert shares[0] == 0
    assert shares[-1] == 1
    steps = {b - a for a, b in pairwise(shares)}
    assert min(steps) > 0
    assert len(steps) <= 2
    if len(steps) == 2:
        assert max(steps) / min(steps) == max(Fraction(activity), 1 / Fraction(activity))


def test_who_bought_will_buy_again() -> None:
    rng = np.random.default_rng(1)
    drawn = Clickstream().draw(rng, 200_000, 0, 28 * world.DAY)
    users = np.array(drawn.after["user_id"])
    bought = np.array(drawn.after["event_type"]) == "purchase"
    early = drawn.times < 14 * world.DAY
    buyers = np.unique(users[early & bought])
    visitors = np.unique(users[early])
    later = np.unique(users[~early & bought])
    share = np.isin(buyers, later).mean()
    others = np.isin(np.setdiff1d(visitors, buyers), later).mean()
    assert share > 2 * others
    assert 0.025 < bought.sum() / (np.array(drawn.after["event_type"]) == "view").sum() < 0.035


def test_live_visits_shift_at_their_moment() -> None:
    second = 1_000_000
    start = micros(MOMENT)
    stream, rng = LiveClickstream(Shift(MOMENT, conversion=5)), np.random.default_rng(2)
    carts = []
    for number in (-2, -1, 0, 1):
        begin = start + number * 600 * second
        drawn = stream.draw(rng, 5000, begin, begin + 600 * second)
        carts.append(drawn.after["event_type"].count("cart"))
    assert carts[3] > 2 * carts[0]
    assert carts[1] < 1.3 * carts[0]


def test_nonsense_is_refused() -> None:
    for factors in ({"price": 0}, {"activity": float("nan")}, {"conversion": -1.0}):
        with pytest.raises(WeirError, match="factor above 0"):
            Shift(MOMENT, **factors)
    with pytest.raises(WeirError, match="no zone"):
        Shift(datetime(2026, 1, 1))  # noqa: DTZ001
    app = Typer()
    cli_data.register(app)
    for words in (["--shift-price", "2"], ["--shift-from", "soon"]):
        done = CliRunner().invoke(app, ["simulate", *words])
        assert done.exit_code != 0
        assert "--shift-from" in str(done.exception) + done.output
