"""What a user did after a moment: the label that a model learns."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

LABEL = "purchased"


def purchased_within(
    events: pl.DataFrame, rows: pl.DataFrame, horizon: timedelta, until: datetime
) -> pl.DataFrame:
    """Whether each user buys in ``[at, at + horizon)``.

    Args:
        events: ``user_id``, ``event_type``, ``timestamp`` (UTC); what is at or after ``until`` is
            not looked at.
        rows: ``user_id``, ``at`` (UTC).
        horizon: how long after ``at``.
        until: up to when all events are known.

    Returns:
        ``rows`` in their order with :data:`LABEL` (Int8): 1, 0, or null where the horizon is not
        over at ``until``: what may still come is no 0.
    """
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    purchases = (
        events.filter((pl.col("event_type") == "purchase") & (pl.col("timestamp") < until))
        .select("user_id", pl.col("timestamp").cast(moment).alias("_bought"))
        .sort("_bought")
    )
    found = (
        rows.with_columns(pl.col("at").cast(moment))
        .with_row_index("_row")
        .sort("at")
        .join_asof(
            purchases,
            left_on="at",
            right_on="_bought",
            by="user_id",
            strategy="forward",
            check_sortedness=False,
        )
        .sort("_row")
    )
    bought = (pl.col("_bought") < pl.col("at") + horizon).fill_null(value=False)
    over = pl.col("at") + horizon <= until
    return found.with_columns(pl.when(over).then(bought).cast(pl.Int8).alias(LABEL)).drop(
        "_row", "_bought"
    )
