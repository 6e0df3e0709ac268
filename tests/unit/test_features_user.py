"""Features at a moment: what they are, and that they know nothing of the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ml.features.user import FEATURES, USER_FEATURES, user_features
from ml.models.purchase.label import LABEL, purchased_within

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = pl.Datetime("us", "UTC")
EVENTS = {"user_id": pl.Int64, "event_type": pl.String, "price": pl.Float64, "timestamp": MOMENT}
ROWS = {"user_id": pl.Int64, "at": MOMENT}

# Few users and few moments, so that ties and edges of windows are common.
moments = st.integers(0, 80).map(lambda n: START + n * HOUR)
event = st.tuples(
    st.integers(1, 3),
    st.sampled_from(["view", "cart", "purchase"]),
    st.integers(1, 10_000).map(lambda cents: cents / 100),
    moments,
)
row = st.tuples(st.integers(1, 4), moments)
histories = st.sampled_from([None, 5 * HOUR, 24 * HOUR, 48 * HOUR])


def frame(data: list[Any], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(data, schema=schema, orient="row")


def slowly(events: list[Any], user: int, at: datetime, history: timedelta | None) -> dict[str, Any]:
    """The definition, an event at a time."""
    mine = [
        one for one in events
        if one[0] == user and one[3] < at and (history is None or one[3] >= at - history)
    ]  # fmt: skip
    times = [one[3] for one in mine]
    orders = [one[2] for one in mine if one[1] == "purchase"]
    views = sum(one[1] == "view" for one in mine)
    carts = sum(one[1] == "cart" for one in mine)
    recent = [one for one in mine if one[3] >= at - 24 * HOUR]
    span = (max(times) - min(times)) / HOUR if mine else None
    return {
        "events_24h": len(recent),
        "purchases_24h": sum(one[1] == "purchase" for one in recent),
        "events_total": len(mine),
        "purchases_total": len(orders),
        "revenue_total": float(sum(orders)),
        "order_value_mean": sum(orders) / len(orders) if orders else None,
        "order_value_max": max(orders, default=None),
        "order_value_min": min(orders, default=None),
        "events_per_hour": len(mine) / span if span else None,
        "activity_span_hours": span,
        "view_to_cart_rate": carts / views if views else None,
        "cart_to_purchase_rate": len(orders) / carts if carts else None,
        "recency_hours": (at - max(times)) / HOUR if mine else None,
    }


@given(st.lists(event, max_size=30), st.lists(row, max_size=8), histories)
@settings(max_examples=60)
def test_features_are_what_the_slow_definition_says(
    events: list[Any], rows: list[Any], history: timedelta | None
) -> None:
    found = user_features(frame(events, EVENTS), frame(rows, ROWS), history)
    assert found.columns == ["user_id", "at", *FEATURES]
    assert list(found.select("user_id", "at").iter_rows()) == rows
    for (user, at), measured in zip(
        rows, found.select(FEATURES).iter_rows(named=True), strict=True
    ):
        for name, wanted in slowly(events, user, at, history).items():
            assert measured[name] == (None if wanted is None else pytest.approx(wanted)), name


@given(
    st.lists(event, max_size=25), st.lists(event, max_size=10), st.lists(event, max_size=10),
    st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True), moments, histories,
)  # fmt: skip
@settings(max_examples=40)
def test_no_event_at_or_after_the_moment_changes_a_feature(
    events: list[Any], more: list[Any], others: list[Any], users: list[int], at: datetime,
    history: timedelta | None,
) -> None:  # fmt: skip
    past = [one for one in events if one[3] < at]
    rows = frame([(user, at) for user in users], ROWS)
    alone = user_features(frame(past, EVENTS), rows, history)
    for future in (more, others, [*more, *others]):
        after = [(*one[:3], max(one[3], at)) for one in future]
        # To the last bit: nothing of the future may leak in by rounding either.
        assert_frame_equal(
            user_features(frame([*after, *past], EVENTS), rows, history), alone, check_exact=True
        )


@given(st.lists(event, max_size=25), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_events_does_not_matter(events: list[Any], random: Any) -> None:
    rows = frame([(1, START + 40 * HOUR), (2, START + 80 * HOUR)], ROWS)
    shuffled = random.sample(events, len(events))
    assert_frame_equal(
        user_features(frame(events, EVENTS), rows),
        user_features(frame(shuffled, EVENTS), rows),
        check_exact=True,
    )


def test_an_event_at_the_moment_is_the_future() -> None:
    events = frame([(1, "purchase", 9.0, START)], EVENTS)
    rows = frame([(1, START), (1, START + timedelta(microseconds=1))], ROWS)
    assert user_features(events, rows)["purchases_total"].to_list() == [0, 1]


def test_every_feature_says_its_unit_and_when_it_is_null() -> None:
    nobody = user_features(frame([], EVENTS), frame([(1, START)], ROWS)).row(0, named=True)
    for feature in USER_FEATURES:
        assert feature.unit
        assert feature.meaning
        assert (nobody[feature.name] is None) == bool(feature.null), feature.name


@given(st.lists(event, max_size=25), st.lists(row, max_size=8), moments, st.integers(1, 40))
@settings(max_examples=40)
def test_a_label_is_what_was_bought_in_the_horizon_and_null_until_it_is_over(
    events: list[Any], rows: list[Any], until: datetime, hours: int
) -> None:
    horizon = hours * HOUR
    found = purchased_within(frame(events, EVENTS), frame(rows, ROWS), horizon, until)
    for (user, at), label in zip(rows, found[LABEL].to_list(), strict=True):
        bought = any(
            one[0] == user and one[1] == "purchase" and at <= one[3] < at + horizon
            for one in events
        )
        assert label == (None if at + horizon > until else int(bought))
