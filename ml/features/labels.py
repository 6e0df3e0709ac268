"""What a user did after a moment: what labels are made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def followed(
    events: pl.DataFrame, rows: pl.DataFrame, horizon: timedelta, until: datetime, column: str
) -> pl.DataFrame:
    """Whether an event of the row's user is in ``[at, at + horizon)``.

    Args:
        events: ``user_id``, ``timestamp`` (UTC), of the kind that counts; what is at or after
            ``until`` is not looked at.
        rows: ``user_id``, ``at`` (UTC).
        horizon: how long after ``at``.
        until: up to when all events are known.
        column: name of the answer.

    Returns:
        ``rows`` in their order with ``column`` (Int8): 1, 0, or null where the horizon is not over
        at ``until``: what may still come is no 0.
    """
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    known = (
        events.filter(pl.col("timestamp") < until)
        .select("user_id", pl.col("timestamp").cast(moment).alias("_next"))
        .sort("_next")
    )
    found = (
        rows.with_columns(pl.col("at").cast(moment))
        .with_row_index("_row")
        .sort("at")
        .join_asof(
            known,
            left_on="at",
            right_on="_next",
            by="user_id",
            strategy="forward",
            check_sortedness=False,
        )
        .sort("_row")
    )
    within = (pl.col("_next") < pl.col("at") + horizon).fill_null(value=False)
    over = pl.col("at") + horizon <= until
    return found.with_columns(pl.when(over).then(within).cast(pl.Int8).alias(column)).drop(
        "_row", "_next"
    )
