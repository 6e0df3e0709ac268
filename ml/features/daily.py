"""A day's features from silver: who is in it, and what is known of them at its end.

A day is computed from all events that silver holds *now*: an event that came late is in it when
the day is made again, and its features are then what they would have been without the delay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from ml.features import table
from ml.features.errors import FeatureError
from ml.features.user import user_features
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

CLICKS = TopicName("commerce", "clickstream")
HISTORY_DAYS = 28
"""How far a row of the table looks back. Bounded, so that a day costs the same in every year, and
so that totals do not grow with the age of the lake: a model would take that for drift."""
ACTIVE_DAYS = 7
"""A day's population: users with an event in the last so many days."""
_AT_ONCE = 31
"""Days computed in memory together."""


@dataclass(frozen=True)
class Written:
    """What was made.

    Attributes:
        rows: of each day, also of those without any.
        version: of the feature table afterwards.
        silver_version: of the silver table that was read.
    """

    rows: dict[date, int]
    version: int
    silver_version: int


def write(
    settings: Settings,
    days: Sequence[date],
    *,
    history_days: int = HISTORY_DAYS,
    active_days: int = ACTIVE_DAYS,
    progress: Callable[[str], None] = lambda _: None,
) -> Written:
    """Compute days from silver and write them; what stood there is replaced.

    Args:
        settings: where the lake is.
        days: UTC days; a row's ``at`` is the midnight that ends its day.
        history_days: how far features look back.
        active_days: see :data:`ACTIVE_DAYS`.
        progress: told each commit, in words.

    Raises:
        FeatureError: silver is not there, or a number of days below 1.
    """
    if min(history_days, active_days) < 1 or not days:
        raise FeatureError(
            f"{table.TABLE}: {len(days)} days, history {history_days}, active {active_days}",
            "give at least one of each",
        )
    silver = open_silver(settings)
    rows: dict[date, int] = {}
    version = 0
    ordered = sorted(set(days))
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        frame = compute(silver, some, history_days=history_days, active_days=active_days)
        version = table.write_days(settings, some, frame)
        counted = dict(frame[table.DATE].value_counts().iter_rows())
        rows |= {day: int(counted.get(day, 0)) for day in some}
        progress(f"{some[0]} to {some[-1]}: {len(frame)} rows")
    return Written(rows, version, silver.version())


def compute(
    silver: DeltaTable, days: Sequence[date], *, history_days: int, active_days: int
) -> pl.DataFrame:
    """The rows of days, columns as in :func:`ml.features.table.schema`."""
    import polars as pl

    back = timedelta(days=max(history_days, active_days) - 1)
    events = read_events(silver, min(days) - back, max(days))
    rows = population(events, days, active_days)
    features = user_features(events, rows, timedelta(days=history_days))
    day = (pl.col("at") - timedelta(days=1)).dt.date()
    return features.with_columns(day.alias(table.DATE)).select(list(table.schema()))


def population(events: pl.DataFrame, days: Sequence[date], active_days: int) -> pl.DataFrame:
    """``user_id``, ``at``: users with an event in the ``active_days`` before a day's end."""
    import polars as pl

    seen = events.select("user_id", pl.col("timestamp").dt.date().alias("_seen")).unique()
    reached = seen.with_columns(
        pl.date_ranges("_seen", pl.col("_seen") + timedelta(days=active_days - 1)).alias("_day")
    ).explode("_day")
    return (
        reached.filter(pl.col("_day").is_in(list(days)))
        .select(
            "user_id",
            (pl.col("_day") + timedelta(days=1))
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC")
            .alias("at"),
        )
        .unique()
        .sort("at", "user_id")
    )


def open_silver(settings: Settings, version: int | None = None) -> DeltaTable:
    """The silver clickstream.

    Raises:
        FeatureError: it is not there, or not at that version.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    name = CLICKS.silver
    try:
        return DeltaTable(f"{settings.lake_root.rstrip('/')}/{name.path}", version=version)
    except TableNotFoundError as error:
        raise FeatureError(
            f"{name.sql}: the table does not exist",
            "start the servers and send data: weir up, weir simulate",
        ) from error
    except DeltaError as error:
        raise FeatureError(
            f"{name.sql}, version {version}: {error}", "versions are kept for seven days"
        ) from error


def read_events(silver: DeltaTable, first: date, last: date) -> pl.DataFrame:
    """``user_id``, ``event_type``, ``price``, ``timestamp`` of days, both included."""
    import polars as pl

    return (
        pl.scan_delta(silver)
        .filter(pl.col("event_date").is_between(first, last))
        .select("user_id", "event_type", "price", "timestamp")
        .collect()
    )


def newest_event(silver: DeltaTable) -> datetime | None:
    """Time of the newest event; None where the table has no rows."""
    import polars as pl

    days = [date.fromisoformat(str(part["event_date"])) for part in silver.partitions()]
    if not days:
        return None
    newest = read_events(silver, max(days), max(days))["timestamp"].cast(pl.Datetime("us", "UTC"))
    moment = newest.max()
    return moment if isinstance(moment, datetime) else None


def populated_days(silver: DeltaTable) -> set[date]:
    """Days of which somebody has features: those with an event in their last ACTIVE_DAYS."""
    dates = [date.fromisoformat(str(part["event_date"])) for part in silver.partitions()]
    return {seen + timedelta(days=after) for seen in dates for after in range(ACTIVE_DAYS)}


def midnight(day: date) -> datetime:
    """The beginning of a UTC day."""
    return datetime.combine(day, time(), UTC)
