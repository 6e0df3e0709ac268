"""What is known of a user at a moment, from the events before it.

Each row looks at the events of its user in ``[at - history, at)``; an event at ``at`` itself is
the future already. As-of joins find where that window begins and ends among the user's sorted
events; counts are differences of cumulative sums, and amounts are reduced over the window's
purchases alone, so no rounding error of other users or other times gets into them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Array = np.ndarray[tuple[int], np.dtype[Any]]

DAY = timedelta(days=1)
_KINDS = ("view", "cart", "purchase")


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: column.
        type: ``long`` counts, ``double`` measures.
        unit: of its values.
        meaning: in words.
        null: when it is undefined; empty where it never is.
    """

    name: str
    type: Literal["long", "double"]
    unit: str
    meaning: str
    null: str = ""


USER_FEATURES = (
    Feature("events_24h", "long", "events", "events in the last 24 hours"),
    Feature("purchases_24h", "long", "events", "purchases in the last 24 hours"),
    Feature("events_total", "long", "events", "events in the history"),
    Feature("purchases_total", "long", "events", "purchases in the history"),
    Feature("revenue_total", "double", "euro", "sum of the order values; 0 without a purchase"),
    Feature("order_value_mean", "double", "euro", "mean order value", "no purchase"),
    Feature("order_value_max", "double", "euro", "largest order value", "no purchase"),
    Feature("order_value_min", "double", "euro", "smallest order value", "no purchase"),
    Feature("events_per_hour", "double", "1/hour", "events over the activity span", "no span"),
    Feature("activity_span_hours", "double", "hours", "from first to last event", "no event"),
    Feature("view_to_cart_rate", "double", "1", "carts over views", "no view"),
    Feature("cart_to_purchase_rate", "double", "1", "purchases over carts", "no cart"),
    Feature("recency_hours", "double", "hours", "from the last event to the moment", "no event"),
)
"""All features, in the order of the table's columns. An order is one purchase event."""

FEATURES = tuple(feature.name for feature in USER_FEATURES)


def user_features(
    events: pl.DataFrame, rows: pl.DataFrame, history: timedelta | None = None
) -> pl.DataFrame:
    """Features of users at moments, from the events strictly before each moment.

    Args:
        events: ``user_id`` (integer), ``event_type`` (view, cart, purchase; others count as
            events only), ``price`` (euro), ``timestamp`` (datetime, UTC); in any order.
        rows: ``user_id``, ``at`` (datetime, UTC); any users and moments, in any order.
        history: how far each row looks back; None: to the user's first event.

    Returns:
        ``user_id``, ``at`` and :data:`FEATURES`, a row for each of ``rows`` in their order. What
        is undefined is null, never 0; a user without an event has counts and revenue of 0.
    """
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    # The order of equal times is fixed too: sums are then the same to the last bit.
    known = (
        events.select("user_id", "event_type", "price", pl.col("timestamp").cast(moment))
        .sort("user_id", "timestamp", "event_type", "price")
        .with_row_index("event")
        .with_columns(pl.col("event").cast(pl.Int64))
    )
    wanted = rows.select("user_id", pl.col("at").cast(moment)).with_row_index("row")
    first_of_user = known.group_by("user_id").agg(pl.col("event").min().alias("first"))
    placed = wanted.join(
        first_of_user, on="user_id", how="left", maintain_order="left"
    ).with_columns(pl.col("first").fill_null(0))
    in_time = known.select("user_id", "timestamp", "event").sort("timestamp", maintain_order=True)
    end = _before(in_time, placed, timedelta())
    begin = _column(placed, "first") if history is None else _before(in_time, placed, history)
    day = _before(in_time, placed, DAY if history is None else min(history, DAY))
    return _measured(known, wanted.drop("row"), begin, day, end)


def _before(in_time: pl.DataFrame, placed: pl.DataFrame, ago: timedelta) -> Array:
    """Index of the first event of the row's user that is not before ``at - ago``."""
    import polars as pl

    asked = placed.select("row", "user_id", "first", (pl.col("at") - ago).alias("limit"))
    found = asked.sort("limit").join_asof(
        in_time,
        left_on="limit",
        right_on="timestamp",
        by="user_id",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    after = found.select("row", (pl.col("event") + 1).fill_null(pl.col("first")).alias("index"))
    return _column(after.sort("row"), "index")


def _measured(
    known: pl.DataFrame, rows: pl.DataFrame, begin: Array, day: Array, end: Array
) -> pl.DataFrame:
    """The features from each row's window ``[begin, end)`` of the sorted events."""
    import numpy as np
    import polars as pl

    type_of = known["event_type"].to_numpy()
    before = {
        kind: np.concatenate([[0], np.cumsum(type_of == kind)]).astype(np.int64) for kind in _KINDS
    }
    count = {kind: sums[end] - sums[begin] for kind, sums in before.items()}
    purchase = before["purchase"]
    orders = known.filter(pl.col("event_type") == "purchase")["price"].cast(pl.Float64).to_numpy()
    low, high = purchase[begin], purchase[end]
    last = np.maximum(end - 1, 0)
    times = known["timestamp"].to_physical().to_numpy()
    times = times if len(times) else np.zeros(1, dtype=np.int64)
    hours = 1 / 3_600_000_000
    frame = rows.with_columns(
        pl.Series("events_24h", end - day),
        pl.Series("purchases_24h", purchase[end] - purchase[day]),
        pl.Series("events_total", end - begin),
        pl.Series("purchases_total", count["purchase"]),
        pl.Series("revenue_total", _reduced(np.add, orders, low, high)).fill_nan(0.0),
        pl.Series("order_value_max", _reduced(np.maximum, orders, low, high)).fill_nan(None),
        pl.Series("order_value_min", _reduced(np.minimum, orders, low, high)).fill_nan(None),
        pl.Series("_span", (times[last] - times[np.minimum(begin, len(times) - 1)]) * hours),
        pl.Series("_last", times[last]),
        pl.Series("_views", count["view"]),
        pl.Series("_carts", count["cart"]),
    )
    active = pl.col("events_total") > 0
    return frame.with_columns(
        _ratio(pl.col("revenue_total"), pl.col("purchases_total")).alias("order_value_mean"),
        pl.when(active).then(pl.col("_span")).alias("activity_span_hours"),
        pl.when(active)
        .then(_ratio(pl.col("events_total"), pl.col("_span")))
        .alias("events_per_hour"),
        _ratio(pl.col("_carts"), pl.col("_views")).alias("view_to_cart_rate"),
        _ratio(pl.col("purchases_total"), pl.col("_carts")).alias("cart_to_purchase_rate"),
        pl.when(active)
        .then((pl.col("at").to_physical() - pl.col("_last")) * hours)
        .alias("recency_hours"),
    ).select("user_id", "at", *FEATURES)


def _reduced(function: np.ufunc, values: Array, low: Array, high: Array) -> Array:
    """``function`` over ``values[low:high]`` of each row; NaN where that is empty."""
    import numpy as np

    result = np.full(len(low), np.nan)
    some = np.flatnonzero(high > low)
    some = some[np.argsort(low[some], kind="stable")]
    if len(some):
        # The odd segments, between two windows, are waste: short, as windows come in order. One
        # more value makes the end of the last window an index.
        bounds = np.stack([low[some], high[some]], axis=1).ravel()
        result[some] = function.reduceat(np.append(values, 0.0), bounds)[::2]
    return result


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.when(whole > 0).then(part / whole)


def _column(frame: pl.DataFrame, name: str) -> Array:
    array: Array = frame[name].to_numpy()
    return array
