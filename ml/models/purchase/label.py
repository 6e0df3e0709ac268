"""The label: a purchase after the moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ml.features.labels import followed

if TYPE_CHECKING:
    import polars as pl

LABEL = "purchased"


def purchased_within(
    events: pl.DataFrame, rows: pl.DataFrame, horizon: timedelta, until: datetime
) -> pl.DataFrame:
    """Whether each user buys in ``[at, at + horizon)``: see :func:`ml.features.labels.followed`."""
    import polars as pl

    purchases = events.filter(pl.col("event_type") == "purchase")
    return followed(purchases, rows, horizon, until, LABEL)
