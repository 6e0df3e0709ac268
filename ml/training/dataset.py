"""The rows that a model is trained on, named so that they can be built again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b

import numpy as np
import polars as pl

from ml.features import daily, table
from ml.features.errors import FeatureError
from ml.spec import ModelSpec
from ml.training.candidates import Matrix
from ml.training.errors import Skipped, TrainingError
from platform_assets.core.settings import Settings


@dataclass(frozen=True)
class Recipe:
    """All that a data set follows from.

    Attributes:
        features_version: of the feature table.
        silver_version: of the silver clickstream, for the labels.
        until: ISO moment (UTC) up to which events count as known.
        days: newest labelled days.
        horizon_hours: of the label.
    """

    features_version: int
    silver_version: int
    until: str
    days: int
    horizon_hours: int

    @property
    def horizon(self) -> timedelta:
        """Of the label."""
        return timedelta(hours=self.horizon_hours)

    @property
    def moment(self) -> datetime:
        """``until`` as a moment."""
        return datetime.fromisoformat(self.until)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what :meth:`to_json` gave."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Dataset:
    """Labelled rows.

    Attributes:
        spec: of the model that learns from them.
        recipe: what they follow from.
        rows: ``user_id``, ``at``, the spec's features, its label (0 or 1), in order of time and
            user.
        fingerprint: of the rows; the same rows have the same one, on any machine.
    """

    spec: ModelSpec
    recipe: Recipe
    rows: pl.DataFrame
    fingerprint: str

    @property
    def matrix(self) -> Matrix:
        """The features as the model sees them."""
        return to_matrix(self.rows, self.spec.features)

    @property
    def labels(self) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        """0 or 1, a row."""
        return self.rows[self.spec.label.column].to_numpy()

    @property
    def seconds(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """``at`` in seconds since 1970, a row."""
        return self.rows["at"].dt.epoch("s").to_numpy()

    @property
    def wanting(self) -> str:
        """Why nothing can be learnt from these rows; empty where it can."""
        count, days = len(self.rows), self.rows["at"].n_unique()
        positives = int(self.rows[self.spec.label.column].sum())
        least = self.spec.validation
        if count < least.least_rows:
            return f"{count} labelled rows, {least.least_rows} are needed"
        if positives in {0, count}:
            return f"all {count} labelled rows have the label {min(positives, 1)}"
        if days < least.least_days:
            return (
                f"{days} labelled days, {least.least_days} are needed to validate in order of time"
            )
        return ""


def to_matrix(rows: pl.DataFrame, names: Sequence[str]) -> Matrix:
    """Features of rows as single precision, NaN where null."""
    exprs = [pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in names]
    matrix: Matrix = rows.select(exprs).to_numpy()
    return np.ascontiguousarray(matrix, dtype=np.float32)


def newest_recipe(
    settings: Settings, *, days: int, horizon_hours: int, until: str = ""
) -> Recipe | Skipped:
    """The recipe over the tables as they are now.

    Args:
        settings: where the lake is.
        days: newest labelled days.
        horizon_hours: of the label.
        until: ISO moment; empty: the newest event in silver, so that a label whose horizon
            reaches beyond what has arrived stays unknown.

    Returns:
        The recipe, or why there can be none yet.

    Raises:
        TrainingError: an argument out of range.
    """
    if days < 1 or horizon_hours < 1:
        raise TrainingError(f"days {days}, horizon_hours {horizon_hours}", "give at least 1")
    try:
        silver = daily.open_silver(settings)
        version = table.current_version(settings)
    except FeatureError as error:
        return Skipped(str(error))
    newest = daily.newest_event(silver)
    if newest is None:
        return Skipped(f"{daily.CLICKS.silver.sql} has no rows")
    moment = min(newest, datetime.now(UTC)) if not until else _moment(until)
    return Recipe(version, silver.version(), moment.isoformat(), days, horizon_hours)


def days_without_features(settings: Settings, spec: ModelSpec) -> list[date]:
    """Days that a model's data set would read and the table does not have, oldest first.

    Days on which nobody was active are not missed.

    Raises:
        FeatureError: there is no silver table.
    """
    silver = daily.open_silver(settings)
    newest = daily.newest_event(silver)
    if newest is None:
        return []
    last = min(newest, datetime.now(UTC)).date() - timedelta(days=1)
    # One day more than the labels need: the day whose drift is judged next.
    most = spec.days + spec.label.hours // 24
    days = [last - timedelta(days=back) for back in range(most, -1, -1)]
    missing = daily.populated_days(silver) - table.days(settings)
    return [day for day in days if day in missing]


def build(settings: Settings, spec: ModelSpec, recipe: Recipe) -> Dataset:
    """The rows of a recipe: always the same ones.

    Raises:
        FeatureError: a table is not there any more at that version.
    """
    last = _last_day(recipe)
    first = last - timedelta(days=recipe.days - 1)
    features = table.read_days(settings, first, last, recipe.features_version)
    silver = daily.open_silver(settings, recipe.silver_version)
    events = daily.read_events(silver, first, recipe.moment.date())
    label = spec.label.column
    labelled = spec.label.find(events, features, recipe.horizon, recipe.moment)
    rows = (
        labelled.filter(pl.col(label).is_not_null())
        .select("user_id", "at", *spec.features, label)
        .sort("at", "user_id")
    )
    return Dataset(spec, recipe, rows, fingerprint(rows))


def fingerprint(rows: pl.DataFrame) -> str:
    """BLAKE2b (64 bits) over names and values, column by column, in the order of the rows."""
    digest = blake2b(digest_size=8)
    for name in rows.columns:
        column = rows[name].to_physical().cast(pl.Float64).fill_null(float("nan"))
        digest.update(f"{name}:{len(column)};".encode())
        digest.update(np.ascontiguousarray(column.to_numpy(), dtype="<f8").tobytes())
    return digest.hexdigest()


def _last_day(recipe: Recipe) -> date:
    """The newest day whose label is known: ``at + horizon <= until``."""
    return (recipe.moment - recipe.horizon).date() - timedelta(days=1)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TrainingError(f"until {text!r} is no moment", "write 2026-03-01T00:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
