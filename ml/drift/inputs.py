"""What a day is judged by: the champion, the day's features, its answers and their labels.

Answers are the champion's over the day's whole population, whoever asked the model server: the
same population that its validation was over, so the two can be compared. (What served answers
were worth is for ``ml/trials``.)
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from ml.drift.compare import DriftError
from ml.drift.watch import Answers, Champion
from ml.spec import Label, Metric
from ml.store.artefact import REFERENCE_FILE, SCORED_FILE
from platform_assets.core.settings import Settings


def champion_of(settings: Settings, model: str, metric: Metric = "f1") -> Champion | None:
    """The version in service by the registry, with its metric; None where there is none.

    Raises:
        DriftError: it has no reference, or does not say what it was trained on.
        RegistryError: the registry does not answer.
    """
    from ml.store.registry import Registry

    version = Registry(settings).find(model, "champion")
    if version is None:
        return None
    path = version.artefact / REFERENCE_FILE
    if not path.is_file() or version.dataset is None:
        what = "data set" if path.is_file() else REFERENCE_FILE
        raise DriftError(
            f"{model} version {version.number} has no {what}",
            "train it again: a version carries the rows that days are compared with",
        )
    return Champion(
        model,
        version.number,
        pl.read_parquet(path),
        _moment(version.dataset.until),
        version.metrics.get(metric),
        version.artefact,
        metric,
    )


def rows_of(settings: Settings, day: date) -> pl.DataFrame:
    """The feature rows of a day; none where the day was not computed.

    Raises:
        FeatureError: there is no feature table.
    """
    from ml.features.table import read_days

    return read_days(settings, day, day)


def answers_of(
    settings: Settings, label: Label, champion: Champion, day: date, rows: pl.DataFrame
) -> Answers:
    """What the champion says about a day's rows, and of rows whose labels became known that day.

    Args:
        settings: where lake and key are.
        label: of the model; its horizon is that of the version.
        champion: with the folder of its artefact.
        day: the period.
        rows: the day's feature rows.

    Raises:
        DriftError: the champion has no artefact.
        ArtefactError: its files are not those that were sealed.
        ModelError: it fails on a row.
        FeatureError: there is no feature table, or no silver.
    """
    from ml.serving.runtime import load
    from ml.store.artefact import artefact_key

    if champion.artefact is None:
        raise DriftError(f"{champion.model} version {champion.version} has no artefact")
    served = load(champion.model, champion.version, champion.artefact, artefact_key(settings))
    fields = [field.name for field in served.artefact.signature.inputs]

    def scores(frame: pl.DataFrame) -> pl.Series:
        said = served.scores(frame.select(fields).rows()) if frame.height else []
        return pl.Series("score", said, dtype=pl.Float64)

    horizon = timedelta(hours=float(served.artefact.metadata["horizon_hours"]))
    known = _labelled(settings, label, day, horizon)
    answered = scores(known) >= served.threshold
    return Answers(
        reference=_validation_scores(champion.artefact),
        scores=scores(rows),
        labelled=known.select(
            label=answered.cast(pl.Int64), actual=pl.col(label.column).cast(pl.Int64)
        ),
    )


def _labelled(settings: Settings, label: Label, day: date, horizon: timedelta) -> pl.DataFrame:
    """Feature rows whose horizon ended on the day, with their label."""
    from ml.features.daily import open_silver, read_events

    end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    days = -(-horizon // timedelta(days=1))
    rows = rows_of(settings, day - timedelta(days=days))
    over = rows.filter(pl.col("at") + horizon <= end)
    events = read_events(open_silver(settings), day - timedelta(days=days - 1), day)
    return label.find(events, over, horizon, end)


def _validation_scores(artefact: Path) -> pl.Series:
    path = artefact / SCORED_FILE
    if not path.is_file():
        return pl.Series("score", [], dtype=pl.Float64)
    return pl.read_parquet(path, columns=["score"])["score"]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
