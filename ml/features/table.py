"""The Delta table of user features: days are written whole, read back at any version.

Partitioned by ``feature_date``, the UTC day whose end is ``at``. Writing days replaces exactly
their rows in one commit, whatever stood there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ml.features.errors import FeatureError
from ml.features.user import FEATURES, USER_FEATURES
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

TABLE = "features.commerce.user_features"
DATE = "feature_date"
_PATH = TABLE.replace(".", "/")
_HINT = "materialise the asset features/commerce/user_features for the requested days"
_ATTEMPTS = 5


def uri(settings: Settings) -> str:
    """Where the table is."""
    return f"{settings.lake_root.rstrip('/')}/{_PATH}"


def schema() -> dict[str, pl.DataType]:
    """Columns: ``user_id``, ``at`` (UTC), :data:`~ml.features.user.FEATURES`, ``feature_date``."""
    import polars as pl

    types = {"long": pl.Int64(), "double": pl.Float64()}
    return {
        "user_id": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        **{feature.name: types[feature.type] for feature in USER_FEATURES},
        DATE: pl.Date(),
    }


def write_days(settings: Settings, days: Sequence[date], rows: pl.DataFrame) -> int:
    """Have ``rows`` stand for ``days``, in one commit; other days keep theirs.

    Args:
        settings: where the lake is.
        days: all of them are replaced, those without rows by nothing.
        rows: columns of :func:`schema`; ``feature_date`` within ``days``.

    Returns:
        The table's version with these rows.

    Raises:
        FeatureError: a row of another day, or other writers were faster each time.
    """
    import polars as pl
    from deltalake.exceptions import CommitFailedError

    stray = rows.filter(~pl.col(DATE).is_in(list(days)))
    if len(stray):
        raise FeatureError(
            f"{TABLE}: rows of {stray.item(0, DATE)} do not belong to the days written"
        )
    try:
        return _replace(settings, sorted(set(days)), _typed(rows))
    except CommitFailedError as error:
        raise FeatureError(
            f"{TABLE}: {_ATTEMPTS} commits lost against another writer: {error}",
            "materialise these days again when the other run is done",
        ) from error


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema().items())


def _lost(error: BaseException) -> bool:
    from deltalake.exceptions import CommitFailedError

    return isinstance(error, CommitFailedError)


@Retry(_ATTEMPTS).on(_lost).wraps
def _replace(settings: Settings, days: list[date], rows: pl.DataFrame) -> int:
    from deltalake import CommitProperties, write_deltalake

    # A conflicting commit is never rebased blindly: open the newest version and redo.
    once = CommitProperties(max_commit_retries=0)
    predicate = f"{DATE} IN ({', '.join(repr(day.isoformat()) for day in days)})"
    table = _open_or_create(settings)
    if len(rows):
        write_deltalake(
            table,
            rows.sort(DATE, "user_id").to_arrow(),
            mode="overwrite",
            predicate=predicate,
            commit_properties=once,
        )
    else:
        table.delete(predicate, commit_properties=once)
    return table.version()


def read_days(
    settings: Settings, first: date, last: date, version: int | None = None
) -> pl.DataFrame:
    """The rows of ``first`` to ``last``, both included, in order of time and user.

    Args:
        settings: where the lake is.
        first: first ``feature_date``.
        last: last ``feature_date``.
        version: of the table; None: the newest.

    Raises:
        FeatureError: the table does not exist or version.
    """
    import polars as pl

    table = _open(settings, version)
    rows = pl.scan_delta(table).filter(pl.col(DATE).is_between(first, last)).collect()
    return rows.select(list(schema())).sort("at", "user_id")


def last_day(settings: Settings, version: int | None = None) -> date | None:
    """The newest day that has rows; None where none has.

    Raises:
        FeatureError: the table does not exist or version.
    """
    return max(_days(_open(settings, version)), default=None)


def days(settings: Settings) -> set[date]:
    """Days that have rows now; none where there is no table."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return _days(DeltaTable(uri(settings)))
    except TableNotFoundError:
        return set()


def _days(table: DeltaTable) -> set[date]:
    return {date.fromisoformat(str(part[DATE])) for part in table.partitions()}


def current_version(settings: Settings) -> int:
    """The newest version of the table.

    Raises:
        FeatureError: there is no table yet.
    """
    return _open(settings, None).version()


def vacuum(settings: Settings, days: int, *, dry_run: bool = False) -> int:
    """Delete files that no version of the last ``days`` days reads; returns how many.

    An older version, and so a data set that was made of it, can no longer be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        table = DeltaTable(uri(settings))
    except TableNotFoundError:
        return 0
    return len(table.vacuum(24 * days, dry_run=dry_run, enforce_retention_duration=False))


def _open(settings: Settings, version: int | None) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(uri(settings), version=version)
    except TableNotFoundError as error:
        raise FeatureError(f"{TABLE}: the table does not exist", _HINT) from error
    except DeltaError as error:
        raise FeatureError(f"{TABLE}, version {version}: {error}", _HINT) from error


def _open_or_create(settings: Settings) -> DeltaTable:
    import polars as pl
    from deltalake import DeltaTable, Schema
    from deltalake.exceptions import TableNotFoundError

    try:
        return DeltaTable(uri(settings))
    except TableNotFoundError:
        if "://" not in uri(settings):
            Path(uri(settings)).mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(
            uri(settings),
            schema=Schema.from_arrow(pl.DataFrame(schema=schema()).to_arrow().schema),
            mode="ignore",
            partition_by=[DATE],
            name="user_features",
            description=f"Point-in-time user features: {', '.join(FEATURES)}",
            configuration={"delta.dataSkippingStatsColumns": "user_id,at"},
        )
