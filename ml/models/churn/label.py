"""The label: no visit after the moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ml.features.labels import followed

if TYPE_CHECKING:
    import polars as pl

LABEL = "churned"


def absent_within(
    events: pl.DataFrame, rows: pl.DataFrame, horizon: timedelta, until: datetime
) -> pl.DataFrame:
    """Whether each user has no event of any kind in ``[at, at + horizon)``.

    Null where the horizon is not over at ``until``, also for a user who has come back already:
    labels of recent rows would otherwise be those of returning users alone.
    """
    import polars as pl

    came = followed(events, rows, horizon, until, LABEL)
    return came.with_columns((1 - pl.col(LABEL)).alias(LABEL))
