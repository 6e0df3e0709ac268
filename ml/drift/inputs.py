"""What a day is judged by: the champion, the day's features, its answers and their labels.

Belongs here: reading them where other rooms keep them. Does not belong here: what follows
(:mod:`.watch`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from ml.drift.compare import DriftError
from ml.drift.watch import Answers, Champion
from platform_assets.databases import Connection
from platform_assets.settings import Settings

REFERENCE = "reference.parquet"
"""In a version's artefact: rows it was trained on, features and perhaps ``score``."""
_NO_FEATURES = frozenset({"user_id", "at", "feature_date", "purchased"})


def champion_of(settings: Settings, model: str) -> Champion | None:
    """The version in service by the registry; None where there is none.

    Raises:
        DriftError: it has no reference, or one without features.
        RegistryError: the registry does not answer.
    """
    from ml.registry import Registry

    version = Registry(settings).find(model, "champion")
    if version is None:
        return None
    path = version.artefact / REFERENCE
    if not path.is_file():
        raise DriftError(
            f"{model} version {version.number} has no {REFERENCE}",
            "train it anew: every version carries the rows it is compared with",
        )
    rows = pl.read_parquet(path)
    reference = rows.drop([name for name in rows.columns if name in _NO_FEATURES])
    if version.dataset is None:
        raise DriftError(
            f"{model} version {version.number} does not say what it was trained on",
            "register versions with their data set",
        )
    until = datetime.fromisoformat(version.dataset.until)
    return Champion(
        model,
        version.number,
        reference,
        until if until.tzinfo else until.replace(tzinfo=UTC),
        version.metrics.get("f1"),
    )


def rows_of(settings: Settings, day: date) -> pl.DataFrame:
    """The feature rows of a day; none where the day was not computed.

    Raises:
        FeatureError: there is no feature table.
    """
    from ml.features.table import read_days

    return read_days(settings, day, day)


def answers_of(settings: Settings, model: str, version: int, day: date) -> Answers | None:
    """What a version answered that day, and the labels that became known; None where nothing is.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    start = datetime.combine(day, time(), UTC)
    span = (model, version, start, start + timedelta(days=1))
    found = _read(settings, span)
    if found is None:
        return None
    scores, labelled = found
    if not scores and not labelled:
        return None
    return Answers(
        pl.Series("score", [row[0] for row in scores], dtype=pl.Float64),
        pl.DataFrame(
            labelled, schema={"label": pl.Int64, "actual": pl.Int64}, orient="row"
        ),
    )  # fmt: skip


def _read(
    settings: Settings, span: tuple[str, int, datetime, datetime]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]] | None:
    import psycopg

    from platform_assets.databases import connect, retry_connection, unusable

    @retry_connection
    def read() -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        with connect(settings, "models") as connection:
            return _scores(connection, span), _labelled(connection, span)

    try:
        return read()
    except psycopg.errors.UndefinedTable:
        return None  # the model server has never run
    except (psycopg.Error, RuntimeError) as error:
        raise unusable(settings, "models", error) from error


def _scores(
    connection: Connection, span: tuple[str, int, datetime, datetime]
) -> list[tuple[Any, ...]]:
    return connection.execute(
        """SELECT score FROM predictions
           WHERE model = %s AND version = %s AND at >= %s AND at < %s
             AND NOT failed AND score IS NOT NULL ORDER BY id, arm""",
        span,
    ).fetchall()


def _labelled(
    connection: Connection, span: tuple[str, int, datetime, datetime]
) -> list[tuple[Any, ...]]:
    return connection.execute(
        """SELECT p.label, o.actual FROM outcomes o JOIN predictions p ON p.id = o.id
           WHERE p.model = %s AND p.version = %s AND o.known_at >= %s AND o.known_at < %s
             AND NOT p.failed AND p.label IS NOT NULL ORDER BY p.id, p.arm""",
        span,
    ).fetchall()
