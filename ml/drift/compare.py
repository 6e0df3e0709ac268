"""How far each feature of a period is from the reference, and whether that may be chance.

Numbers: the Kolmogorov-Smirnov test (asymptotic p-value, which ties only make larger) and Welch's
t-test, the smaller p-value doubled (Bonferroni): the first sees any change of shape, the second a
tail that grew, which moves a mean far and few rows. Texts, booleans and categories: the
chi-squared test of homogeneity, rare levels taken together. Effects are on one scale, the share
of rows that would have to change: the KS distance, and the total variation distance (half the sum
of absolute differences of shares).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from platform_assets.core.errors import WeirError

LEAST_EXPECTED = 5.0
"""Levels expected less often in a window are taken together (Cochran's rule)."""


class DriftError(WeirError):
    """Windows that cannot be compared."""


@dataclass(frozen=True)
class Move:
    """What one feature did.

    Attributes:
        feature: its column.
        kind: ``numeric``, ``categorical``, or ``missing`` for the share of empty values.
        p: two-sample p-value, corrected for a feature's two tests, not for the number of features.
        effect: share of rows that would have to change, in [0, 1].
        shift: how far it moved: numeric, difference of means in standard deviations of the
            reference; else, difference of the share of ``level``.
        level: for categorical, the level whose share changed most; else empty.
    """

    feature: str
    kind: Literal["numeric", "categorical", "missing"]
    p: float
    effect: float
    shift: float
    level: str = ""


def compare(
    reference: pl.DataFrame, current: pl.DataFrame, categorical: frozenset[str] = frozenset()
) -> tuple[Move, ...]:
    """Compare each column of the reference with that of the period.

    Args:
        reference: the rows the model was trained on, features only.
        current: the rows of the period; more columns are ignored.
        categorical: numeric columns that are codes, not amounts.

    Returns:
        A move a column, and one more of kind ``missing`` where a window has empty values.

    Raises:
        DriftError: where a column is missing or has another type, or a window has no rows.
    """
    _check(reference, current, categorical)
    moves: list[Move] = []
    for name in reference.columns:
        then, now = _known(reference[name]), _known(current[name])
        empty = (reference.height - len(then), current.height - len(now))
        if any(empty):
            moves.append(_missing(name, empty, (reference.height, current.height)))
        if not len(then) or not len(now):
            continue
        numeric = then.dtype.is_numeric() and name not in categorical
        moves.append(_numeric(name, then, now) if numeric else _categorical(name, then, now))
    return tuple(moves)


def _check(reference: pl.DataFrame, current: pl.DataFrame, categorical: frozenset[str]) -> None:
    if not reference.height or not current.height or not reference.width:
        raise DriftError("a window has no rows or no columns", "leave out periods without rows")
    if unknown := sorted(categorical - set(reference.columns)):
        raise DriftError(f"no such columns: {', '.join(unknown)}", "categorical names features")
    for name, dtype in reference.schema.items():
        if name not in current.columns:
            raise DriftError(f"the period has no column {name}", "the model was trained with it")
        if current.schema[name].is_numeric() != dtype.is_numeric():
            raise DriftError(f"{name} is {current.schema[name]}, in the reference {dtype}")


def _known(column: pl.Series) -> pl.Series:
    return (column.fill_nan(None) if column.dtype.is_float() else column).drop_nulls()


def _numeric(name: str, then: pl.Series, now: pl.Series) -> Move:
    a, b = then.cast(pl.Float64).to_numpy(), now.cast(pl.Float64).to_numpy()
    shape = stats.ks_2samp(a, b, method="asymp")
    p = min(1.0, 2 * min(float(shape.pvalue), _welch(a, b)))
    with np.errstate(invalid="ignore"):  # infinite values have no mean; their shape is compared
        spread = float(np.std(a))
        difference = float(np.mean(b) - np.mean(a))
    # A constant that moves has moved infinitely many standard deviations.
    shift = difference / spread if spread else float(np.copysign(np.inf, difference))
    return Move(name, "numeric", p, float(shape.statistic), shift if difference else 0.0)


def _welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """P-value for equal means; 1 where it is not defined (constants, single or infinite values)."""
    finite = bool(np.isfinite(a).all() and np.isfinite(b).all())
    if not finite or min(len(a), len(b)) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return 1.0
    return float(stats.ttest_ind(a, b, equal_var=False).pvalue)


def _categorical(name: str, then: pl.Series, now: pl.Series) -> Move:
    a, b = then.cast(pl.String), now.cast(pl.String)
    counts = (
        pl.DataFrame({"level": pl.concat([a, b])})
        .with_columns(now=pl.Series(np.arange(len(a) + len(b)) >= len(a)))
        .group_by("level")
        .agg(then=(~pl.col("now")).sum(), now=pl.col("now").sum())
        .sort("level")
    )
    table = counts.select("then", "now").to_numpy().T.astype(np.float64)
    shares = table / table.sum(axis=1, keepdims=True)
    change = shares[1] - shares[0]
    most = int(np.argmax(np.abs(change)))
    return Move(
        name, "categorical", _homogeneity(table), float(np.abs(change).sum() / 2),
        float(change[most]), str(counts["level"][most]),
    )  # fmt: skip


def _missing(name: str, empty: tuple[int, int], rows: tuple[int, int]) -> Move:
    table = np.array([empty, np.subtract(rows, empty)], dtype=np.float64).T
    change = empty[1] / rows[1] - empty[0] / rows[0]
    # Fisher's exact test holds for counts of any size, and gaps are often few.
    p = float(stats.fisher_exact(table).pvalue)
    return Move(name, "missing", p, abs(change), change)


def _homogeneity(table: NDArray[np.float64]) -> float:
    """P-value of the chi-squared test; table of shape (2, levels)."""
    smaller = table.sum(axis=1).min() / table.sum()
    rare = table.sum(axis=0) * smaller < LEAST_EXPECTED
    kept = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    kept = kept[:, kept.sum(axis=0) > 0]
    if kept.shape[1] < 2:
        return 1.0
    return float(stats.chi2_contingency(kept, correction=False).pvalue)
