"""One decision a period: have the features drifted, so that the model should be retrained?

A test a feature at 5 % would raise an alarm in most healthy periods of a model with many
features, so three things must come together: the p-values hold after Benjamini and Yekutieli's
correction (Annals of Statistics 29(4), 2001; valid however features depend on each other), the
effect is large enough to matter, and the same feature does so in consecutive periods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from scipy import stats

from ml.drift.compare import DriftError, Move, compare


@dataclass(frozen=True)
class Rules:
    """When features count as moved.

    Attributes:
        fdr: expected share of false ones among the features that moved, a period.
        procedure: ``by`` (Benjamini-Yekutieli, any dependence) or ``bh`` (Benjamini-Hochberg,
            independent or positively dependent p-values; a little more power).
        effect: least effect that matters, see :class:`~ml.drift.compare.Move`; 0.1 is a shift
            of a normal feature by a quarter of its standard deviation.
        shift: difference of means, in standard deviations, that matters also where the effect is
            smaller: on a skewed feature few rows can move the mean far.
        persistence: consecutive periods in which the same feature must have moved.
        least_rows: rows below which a period is not judged.
        categorical: numeric columns that are codes.

    Raises:
        DriftError: where one is outside its range.
    """

    fdr: float = 0.01
    procedure: Literal["by", "bh"] = "by"
    effect: float = 0.1
    shift: float = 0.25
    persistence: int = 2
    least_rows: int = 100
    categorical: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not (0 < self.fdr < 1 and 0 <= self.effect < 1 and self.shift >= 0):
            raise DriftError("fdr must be within 0 and 1, effect in [0, 1), shift at least 0")
        if self.persistence < 1 or self.least_rows < 1:
            raise DriftError("persistence and least_rows must be at least 1")


@dataclass(frozen=True)
class Reference:
    """What periods are compared with: the rows one version of the model was trained on.

    Attributes:
        version: of the model; changes only when it is trained.
        rows: its features.
    """

    version: str
    rows: pl.DataFrame

    @property
    def fingerprint(self) -> str:
        """Identifies the rows whatever their order, within one version of Polars."""
        # Sums wrap around, which does no harm; names and types are part of it.
        total = int(self.rows.hash_rows(seed=5).sum()) if self.rows.width else 0
        return f"{self.rows.height}:{total}:{','.join(self.rows.columns)}"


@dataclass(frozen=True)
class Decision:
    """What one period says.

    Attributes:
        period: its key.
        retrain: whether to retrain.
        reason: in words: which feature moved, and by how much.
        moves: every feature, the largest effect first; empty where the period was not judged.
        streaks: consecutive periods in which each feature has moved, this one included.
        version: of the reference.
        fingerprint: of the reference.
    """

    period: str
    retrain: bool
    reason: str
    moves: tuple[Move, ...] = ()
    streaks: Mapping[str, int] = field(default_factory=dict)
    version: str = ""
    fingerprint: str = ""

    def moved_for(self, periods: int) -> tuple[Move, ...]:
        """Moves of the features that have moved for so many periods, the largest effect first."""
        return tuple(move for move in self.moves if self.streaks.get(_key(move), 0) >= periods)


def judge(
    reference: Reference,
    current: pl.DataFrame,
    period: str,
    previous: Decision | None = None,
    rules: Rules | None = None,
) -> Decision:
    """Decide about a period.

    Args:
        reference: what the model in service was trained on. It must not follow the data: a
            reference that slides along never sees a slow drift.
        current: the rows of the period.
        period: its key, for the record.
        previous: the decision of the period before; None for the first. After a retraining
            (another version) its streaks are dropped.
        rules: others than the defaults.

    Returns:
        The decision; a period with too few rows keeps the streaks and decides nothing.

    Raises:
        DriftError: where the windows cannot be compared, or the reference changed without a new
            version of the model.
    """
    rules = rules or Rules()
    mark = reference.fingerprint
    before = _streaks(reference, mark, previous)
    if current.height < rules.least_rows:
        reason = f"not judged: {current.height} rows, {rules.least_rows} are needed"
        return Decision(period, False, reason, (), before, reference.version, mark)
    moves = compare(reference.rows, current, rules.categorical)
    moved = _moved(moves, rules)
    streaks = {key: before.get(key, 0) + 1 for key in sorted({_key(move) for move in moved})}
    lasting = [move for move in moved if streaks[_key(move)] >= rules.persistence]
    return Decision(
        period,
        bool(lasting),
        _reason(lasting, moved, rules),
        tuple(sorted(moves, key=lambda move: -move.effect)),
        streaks,
        reference.version,
        mark,
    )


def _streaks(reference: Reference, mark: str, previous: Decision | None) -> Mapping[str, int]:
    if previous is None or previous.version != reference.version:
        return {}
    if previous.fingerprint != mark:
        raise DriftError(
            f"the reference of version {reference.version} has changed since {previous.period}",
            "change the reference only with a new version of the model",
        )
    return previous.streaks


def _key(move: Move) -> str:
    return f"{move.feature}:missing" if move.kind == "missing" else move.feature


def _moved(moves: tuple[Move, ...], rules: Rules) -> list[Move]:
    adjusted = stats.false_discovery_control([move.p for move in moves], method=rules.procedure)
    return [
        move
        for move, p in zip(moves, np.atleast_1d(adjusted), strict=True)
        if p <= rules.fdr and _matters(move, rules)
    ]


def _matters(move: Move, rules: Rules) -> bool:
    far = move.kind == "numeric" and abs(move.shift) >= rules.shift
    return far or move.effect >= rules.effect


def _reason(lasting: list[Move], moved: list[Move], rules: Rules) -> str:
    if lasting:
        told = "; ".join(_told(move) for move in sorted(lasting, key=lambda m: -m.effect))
        return f"moved for {rules.persistence} periods or more: {told}"
    if moved:
        told = "; ".join(_told(move) for move in sorted(moved, key=lambda m: -m.effect))
        return f"moved, not yet for {rules.persistence} periods: {told}"
    return "no feature moved"


def _told(move: Move) -> str:
    size = f"effect {move.effect:.2f}"
    if move.kind == "numeric":
        return f"{move.feature} by {move.shift:+.2f} standard deviations ({size})"
    if move.kind == "missing":
        return f"{move.feature} empty in {100 * move.shift:+.1f} points of the rows ({size})"
    return f"{move.feature} ({move.level!r} {100 * move.shift:+.1f} points, {size})"
