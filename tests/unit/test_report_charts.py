"""Charts: what is drawn, what is not, and that the same input gives the same bytes."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.chart_style import BLUE
from reports.charts import Bar, Point, _ticks, contributions, ranking, trend

WEEK = timedelta(weeks=1)


def points(*values: int | None) -> list[Point]:
    return [
        Point(
            f"2010-W{10 + at}",
            date(2010, 3, 8) + at * WEEK,
            None if value is None else Decimal(value),
        )
        for at, value in enumerate(values)
    ]


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter() if "text" in each.tag]


def test_fewer_than_three_values_are_no_chart() -> None:
    assert trend("t", "T", "a", "GBP", points(1, None, 2, None)) is None
    assert ranking("r", "T", "a", "GBP", [Bar("x", Decimal(1))] * 2) is None
    assert contributions("c", "T", "a", "GBP", [Bar("x", Decimal(1))] * 2) is None


def test_a_trend_labels_last_highlight_and_target_and_names_its_gap() -> None:
    chart = trend(
        "t", "Sales grow", "A line", "GBP", points(100, 140, None, None, 90, 210),
        target=Decimal(150), highlight="2010-W11",
    )  # fmt: skip
    assert chart
    shown = texts(chart.svg)
    assert {"£210", "£140", "Target £150", "no data"} <= set(shown)
    assert shown.count("no data") == 1
    assert "£90" not in shown


def test_every_mark_tells_its_name_and_value() -> None:
    line = trend("t", "T", "a", "GBP", points(1100, None, 1210, 1300), language="de")
    bars = [Bar(name, Decimal(value)) for name, value in (("a", 5), ("b", -7), ("c", 1))]
    change = contributions("c", "T", "a", "GBP", bars)
    assert line
    assert change
    hit = line.spec["layer"][-1]
    assert hit["encoding"]["tooltip"]["field"] == "told"
    first, gap, *_ = hit["data"]["values"]
    assert first["told"] == "8.\u201314. März 2010: 1.100\u00a0£"
    assert gap["value"] is None
    assert hit["transform"] == [{"filter": "datum.value !== null"}]
    told = [row["told"] for row in change.spec["layer"][0]["data"]["values"]]
    assert told == ["a: +£5", "c: +£1", "b: -£7"]
    assert change.spec["layer"][0]["encoding"]["tooltip"]["field"] == "told"


def test_a_gap_breaks_the_line() -> None:
    whole = trend("t", "T", "a", "", points(5, 6, 7, 8, 9))
    broken = trend("t", "T", "a", "", points(5, 6, None, 8, 9))
    assert whole
    assert broken

    def moves(svg: str) -> int:
        lines = [each for each in ET.fromstring(svg).iter() if each.get("stroke") == BLUE]
        return sum((line.get("d") or "").count("M") for line in lines)

    assert (moves(whole.svg), moves(broken.svg)) == (1, 2)


def test_bars_are_sorted_and_carry_their_values() -> None:
    bars = [Bar("Germany", Decimal(20)), Bar("EIRE", Decimal(-5)), Bar("Norway", Decimal(90))]
    chart = ranking("r", "T", "a", "orders", bars, highlight="Norway", language="de")
    assert chart
    rows = chart.spec["layer"][0]["data"]["values"]
    assert [row["label"] for row in rows] == ["Norway", "Germany", "EIRE"]
    assert len({row["color"] for row in rows}) == 2
    assert {"90\u00a0orders", "-5\u00a0orders", "Norway"} <= set(texts(chart.svg))


def test_two_members_of_one_name_stay_two_bars() -> None:
    chart = ranking("r", "T", "a", "", [Bar("x", Decimal(n)) for n in (3, 2, 1)])
    assert chart
    assert texts(chart.svg).count("x") == 3


def test_contributions_say_their_side_by_sign_too_and_end_with_the_whole() -> None:
    bars = [Bar(name, Decimal(value)) for name, value in (("a", 5), ("b", -7), ("c", 1))]
    chart = contributions("c", "T", "a", "GBP", bars, total=Bar("All", Decimal(-1)))
    assert chart
    rows = chart.spec["layer"][0]["data"]["values"]
    assert [row["shown"] for row in rows] == ["+£5", "+£1", "-£7", "-£1"]
    assert rows[-1]["label"] == "All"


@pytest.mark.parametrize("language", ["en", "de", "ja", "ar"])
def test_the_same_input_gives_the_same_bytes_and_the_data_lie_inside(language: str) -> None:
    def once() -> tuple[str, str]:
        chart = trend("t", "T", "a", "GBP", points(1, 2, None, 4), language=language)
        assert chart
        return chart.svg, json.dumps(chart.spec)

    first = once()
    # Another chart in between: nothing counts up.
    ranking("r", "T", "a", "", [Bar("x", Decimal(n)) for n in (3, 2, 1)])
    assert once() == first
    assert '"url"' not in first[1]


def test_a_hostile_name_stays_text() -> None:
    name = "</text><script>alert('\"1')</script>\\"
    chart = ranking("r", "T", "a", "", [Bar(name, Decimal(n)) for n in (3, 2, 1)])
    assert chart
    assert "<script" not in chart.svg
    assert name in texts(chart.svg)


@given(st.lists(st.decimals(-(10**9), 10**9, places=2, allow_nan=False), min_size=1, max_size=20))
def test_ticks_hold_every_value_and_are_few_and_even(values: list[Decimal]) -> None:
    ticks = _ticks(values)
    assert ticks[0] <= min(values)
    assert ticks[-1] >= max(values)
    assert 3 <= len(ticks) <= 8
    assert len({after - before for before, after in pairwise(ticks)}) == 1
