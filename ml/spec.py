"""What a model is: everything that is special to it, as values.

A model is a folder ``ml/models/<name>/`` whose ``spec.py`` holds ``SPEC``. From it come the model's
assets, jobs, checks and sensors, its training, and its place in ``weir models``. Importing this
module, or a spec, loads no heavy library: the code location reads every spec when it starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

from ml.features.user import FEATURES
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    import polars as pl

Metric = Literal["f1", "accuracy"]
"""What a trial compares, and what must not fall once labels are known."""

Labeller = Callable[["pl.DataFrame", "pl.DataFrame", timedelta, datetime], "pl.DataFrame"]
"""``(events, rows, horizon, until)`` -> ``rows`` in their order with the label's column.

``events`` has ``user_id``, ``event_type``, ``price``, ``timestamp``; ``rows`` has ``user_id`` and
``at``, and more. The column is Int8: 1, 0, or null where ``at + horizon`` is after ``until``, for
what may still come is no 0. Events at or after ``until`` are not looked at.
"""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OWNER = re.compile(r"team:[\w-]+|[^@\s]+@[^@\s]+\.[^@\s]+")
_TAKEN = {"user_id", "at", "row", "score", "feature_date", *FEATURES}
"""Columns that stand beside the label in a data set or in the scored rows."""
_RESERVED = re.compile(r"anomal(y|ies)(_.*)?")
"""Names of the detectors' own assets and jobs."""


class SpecError(WeirError):
    """A spec that describes no model; names the field and the rule."""


@dataclass(frozen=True)
class Label:
    """What the model learns to foresee.

    Attributes:
        column: its name in data sets and plots, e.g. ``purchased``.
        meaning: of a 1, for the card, e.g. ``the user buys within the horizon``.
        horizon: how long after a row's moment the label looks; whole hours.
        of: finds it.
    """

    column: str
    meaning: str
    horizon: timedelta
    of: Labeller

    @property
    def hours(self) -> int:
        """The horizon in hours."""
        return self.horizon // timedelta(hours=1)

    def find(
        self, events: pl.DataFrame, rows: pl.DataFrame, horizon: timedelta, until: datetime
    ) -> pl.DataFrame:
        """The rows with their label, as :data:`Labeller` says.

        Raises:
            SpecError: the function gave other rows, no such column, or another value.
        """
        import polars as pl

        found = self.of(events, rows, horizon, until)
        rule = ""
        if self.column not in found.columns:
            rule = f"it gave no column {self.column}, only {', '.join(found.columns)}"
        elif not found.select("user_id", "at").equals(rows.select("user_id", "at")):
            rule = f"it gave other rows ({found.height}) than it was given ({rows.height})"
        elif not found[self.column].drop_nulls().is_in([0, 1]).all():
            rule = f"{self.column} has values other than 0 and 1"
        elif found.filter(pl.col("at") + horizon > until)[self.column].is_not_null().any():
            rule = f"{self.column} is known before its horizon is over"
        if rule:
            where = getattr(self.of, "__qualname__", self.of)
            raise SpecError(f"label function {where}: {rule}", "see docs/how-to/model.md")
        return found


@dataclass(frozen=True)
class Validation:
    """How candidates are compared: an expanding window over days, in order of time.

    Attributes:
        folds: blocks of days that are scored, each by what came before it.
        least_rows: labelled rows without which nothing is trained.
        least_days: labelled days without which nothing is trained.
    """

    folds: int = 4
    least_rows: int = 100
    least_days: int = 4


@dataclass(frozen=True)
class Retraining:
    """What is a reason to train again by itself.

    Attributes:
        on_drift: the features moved away from those of the training, for days in a row.
        on_concept: the labels show that the metric fell below its floor.
        max_age: a champion whose training data ended longer ago is replaced; None: age alone is no
            reason, and the check of age warns as ``WEIR_MODEL_MAX_AGE_DAYS`` says.
    """

    on_drift: bool = True
    on_concept: bool = True
    max_age: timedelta | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A model over the features of users.

    Attributes:
        name: of its folder, its assets ``models/<name>/…`` and its jobs; lower case, ``_`` allowed.
        title: heading of its cards.
        description: what a score is, in one sentence.
        intended_use: what scores are for, and what they are not for.
        label: what it learns.
        features: columns of the feature table that it takes, in the order of its input.
        metric: that trials compare and labels are held to.
        days: newest labelled days that it is trained on.
        validation: how its candidates are compared.
        retraining: what is a reason to train again.
        share: of all keys, for a new version on trial.
        limits: of its use, for the card; those of every model are added.
        owner: whom messages are for: ``team:<name>`` or an address.
        default: whether commands mean it when no model is named. It comes first in lists, and its
            sensors carry no suffix. One model at most.

    Raises:
        SpecError: a value out of its range.
    """

    name: str
    title: str
    description: str
    intended_use: str
    label: Label
    features: tuple[str, ...] = FEATURES
    metric: Metric = "f1"
    days: int = 28
    validation: Validation = field(default_factory=Validation)
    retraining: Retraining = field(default_factory=Retraining)
    share: float = 0.05
    limits: tuple[str, ...] = ()
    owner: str = "team:data-science"
    default: bool = False

    def __post_init__(self) -> None:
        """Refuse what would fail later, far from the file that says it."""
        for wrong, rule in self._rules():
            if wrong:
                raise SpecError(f"model {self.name!r}: {rule}", "see docs/how-to/model.md")

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        label, retraining, validation = self.label, self.retraining, self.validation
        unknown = [name for name in self.features if name not in FEATURES]
        numbers = (self.days, validation.folds, validation.least_rows, validation.least_days)
        whole = label.horizon == timedelta(hours=label.hours)
        empty = [n for n in ("title", "description", "intended_use") if not getattr(self, n)]
        age = retraining.max_age
        return (
            (not _NAME.fullmatch(self.name), "name: lower-case letters, digits and _"),
            (bool(_RESERVED.fullmatch(self.name)), "name: anomaly… is for detectors of streams"),
            (bool(empty), f"{', '.join(empty)}: give a sentence"),
            (not _NAME.fullmatch(label.column), "label.column: lower-case letters, digits and _"),
            (label.column in _TAKEN, f"label.column: {label.column} is another column"),
            (label.hours < 1 or not whole, "label.horizon: whole hours, at least one"),
            (not callable(label.of), "label.of: a function"),
            (bool(unknown), f"features: the table has no {', '.join(unknown)}"),
            (not self.features, "features: at least one"),
            (len(set(self.features)) < len(self.features), "features: one is named twice"),
            (self.metric not in get_args(Metric), f"metric: one of {', '.join(get_args(Metric))}"),
            (min(numbers) < 1, "days, and the numbers of validation: at least 1"),
            # The later half is scored by rows whose labels were known before it.
            (24 * self.days <= 2 * label.hours, "days: more than twice the label's horizon"),
            (not 0 <= self.share <= 1, "share: from 0 to 1"),
            (age is not None and age <= timedelta(0), "retraining.max_age: longer than nothing"),
            (not _OWNER.fullmatch(self.owner), "owner: team:<name> or an e-mail address"),
        )

    @property
    def training_job(self) -> str:
        """The job that trains it; also the pool that keeps it to one training at a time."""
        return f"train_{self.name}"

    @property
    def drift_job(self) -> str:
        """The job that judges a day."""
        return f"watch_{self.name}"

    @property
    def judging_job(self) -> str:
        """The job that judges its trials."""
        return f"judge_{self.name}"

    def named(self, task: str) -> str:
        """Name of a sensor or op that every model has one of, e.g. ``judge_trials``."""
        return task if self.default else f"{task}_{self.name}"
