"""In which unit a column is: the contract says it, and the SQL carries it.

A sum of euros is in euro, euros by order are in euro, euros by euros are a bare number. Two
currencies are never added, compared or put in one column, and neither are any other two units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from sqlglot import exp

from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName
from platform_assets.gold.columns import EITHER

Leaf = Callable[[exp.Column], "Measure"]
Of = Callable[[Any], "Measure"]
Rule = Callable[[Any, Of], "Measure"]

_BY_ROW = "by "
_SCALES: Mapping[str, Mapping[str, float]] = {
    "power": {"mW": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9},
    "energy": {"J": 1 / 3600, "Wh": 1.0, "kWh": 1e3, "MWh": 1e6, "GWh": 1e9},
    "time": {
        "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0,
    },
    "length": {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3},
    "speed": {"mm/s": 1e-3, "m/s": 1.0, "km/h": 1 / 3.6},
    "mass": {"mg": 1e-6, "g": 1e-3, "kg": 1.0, "t": 1e3},
    "voltage": {"mV": 1e-3, "V": 1.0, "kV": 1e3},
    "current": {"mA": 1e-3, "A": 1.0},
    "pressure": {"Pa": 1e-5, "hPa": 1e-3, "mbar": 1e-3, "kPa": 1e-2, "bar": 1.0},
    "temperature": {"K": 1.0, "°C": 1.0, "°F": 1 / 1.8},
    "data": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9},
    "volume": {"ml": 1e-3, "l": 1.0, "m³": 1e3},
}  # fmt: skip
_DATE_PARTS = {"MICROSECOND": "us", "MILLISECOND": "ms", "SECOND": "s", "MINUTE": "min",
               "HOUR": "h"}  # fmt: skip
_FEWEST_TENS = 2
_TIME_FACTORS = (60.0, 3600.0, 24.0, 86400.0, 3.6)


class UnitError(ValueError):
    """Two units are mixed, or a unit is stated that the column is not in."""


@dataclass(frozen=True)
class Measure:
    """What a number is measured in.

    Attributes:
        origins: units that it is computed from; none: a count, a ratio, a bare number.
        factor: what constants its one origin was multiplied by; None: not known.
        constant: its value, where it is written in the SQL.
    """

    origins: frozenset[str] = frozenset()
    factor: float | None = 1.0
    constant: float | None = field(default=None, compare=False)

    @property
    def unit(self) -> str:
        """The unit, where the SQL leaves no doubt; else empty."""
        if len(self.origins) != 1 or self.factor is None or _converts(self.factor):
            return ""
        (name,) = self.origins
        return "" if name.startswith(_BY_ROW) else name


BARE = Measure()


def is_measure(unit: str) -> bool:
    """Whether a word is a unit or a currency, not a noun of what is counted."""
    return is_currency(unit) or _dimension(unit) != ""


@lru_cache(maxsize=256)
def is_currency(unit: str) -> bool:
    """Whether it is an ISO 4217 code."""
    from babel.numbers import list_currencies

    return unit in list_currencies()


def measured_in(unit: str) -> Measure:
    """A column in a unit; an empty one is a bare number."""
    return Measure(frozenset({unit})) if unit else BARE


def silver_units(contracts: Iterable[Contract]) -> Callable[[TableName, str], Measure]:
    """The measure of each column of silver, as the contracts say."""
    found: dict[tuple[TableName, str], Measure] = {}
    for contract in contracts:
        for column in contract.columns:
            by_row = f"{_BY_ROW}{column.unit_column}" if column.unit_column else ""
            for table in contract.tables:
                found[table, column.name] = measured_in(column.unit or by_row)
    return lambda table, column: found.get((table, column), BARE)


def check_stated(stated: str, measure: Measure) -> None:
    """Refuse a unit that a column cannot be in.

    Raises:
        UnitError: says what it is in.
    """
    origins = sorted(measure.origins)
    if not origins:
        if is_measure(stated):
            raise UnitError(
                f"it is a bare number (a count, a ratio, or a column whose contract names no "
                f"unit), not {stated}"
            )
        return
    if any(name.startswith(_BY_ROW) for name in origins):
        raise UnitError(f"its unit differs from row to row ({origins[0]}), it is not {stated}")
    currencies = [name for name in origins if is_currency(name)]
    if is_currency(stated) and stated not in currencies:
        raise UnitError(f"it is computed from {' and '.join(origins)}, not {stated}")
    if len(origins) > 1 or measure.factor is None:
        return
    (origin,), factor = origins, measure.factor
    if stated == origin:
        # Euros by a hundred orders are euros; a thousandth of the euros is not.
        if _converts(factor) and not (currencies and math.isclose(_apart(factor), 100)):
            raise UnitError(f"it is {origin} times {factor:g}, not {stated}")
        return
    have, want = _scale(origin), _scale(stated)
    fits = have and want and have[0] == want[0] and math.isclose(have[1], factor * want[1])
    if not fits and ((have and want) or not _converts(factor)):
        times = "" if factor == 1.0 else f" times {factor:g}"
        raise UnitError(f"it is in {origin}{times}, not {stated}")


def measure_of(node: exp.Expr, leaf: Leaf) -> Measure:
    """The measure of a definition (see :mod:`.columns`).

    Args:
        node: the definition.
        leaf: the measure of each of its columns.

    Raises:
        UnitError: it mixes two units.
    """
    if isinstance(node, exp.Column):
        return leaf(node)

    def of(part: Any) -> Measure:
        return measure_of(part, leaf) if isinstance(part, exp.Expr) else BARE

    rule = next(made for kinds, made in _RULES if isinstance(node, kinds))
    return rule(node, of)


def _inside(node: Any, of: Of) -> Measure:
    return of(node.this)


def _literal(node: Any, _: Of) -> Measure:
    return replace(BARE, constant=None if node.is_string else float(node.name))


def _negated(node: Any, of: Of) -> Measure:
    inner = of(node.this)
    return replace(inner, constant=None if inner.constant is None else -inner.constant)


def _alike(what: str) -> Rule:
    return lambda node, of: _same(what, [of(child) for child in node.iter_expressions()])


def _compared(node: Any, of: Of) -> Measure:
    _same("compares", [of(child) for child in node.iter_expressions()])
    return BARE


def _nullif(node: Any, of: Of) -> Measure:
    _compared(node, of)
    return replace(of(node.this), constant=None)


def _time_between(node: Any, _: Of) -> Measure:
    return measured_in(_DATE_PARTS.get(str(node.args.get("unit") or "").upper(), ""))


def _counted(node: Any, of: Of) -> Measure:
    for child in node.iter_expressions():
        of(child)
    return BARE


def _called(node: Any, of: Of) -> Measure:
    """Any other function, of which some keep the unit of their first argument."""
    if _is_union(node):
        return _alike("puts in one column")(node, of)
    inner = of(node.this)
    rest = [of(child) for child in node.iter_expressions() if child is not node.this]
    by_row = [name for one in (inner, *rest) for name in one.origins if name.startswith(_BY_ROW)]
    if by_row and isinstance(node, exp.AggFunc | exp.Window | exp.Ordered):
        raise UnitError(
            f"takes rows together whose unit differs ({by_row[0]}); take one unit: "
            "if(column = 'EUR', amount)"
        )
    if isinstance(node, _KEEPING):
        return replace(inner, constant=None)
    origins = frozenset[str]().union(*(one.origins for one in (inner, *rest)))
    return Measure(origins, None) if origins else BARE


def _is_union(node: Any) -> bool:
    return str(getattr(node, "this", "")) == EITHER


def _branches(node: Any, of: Of) -> Measure:
    """An ``if`` or ``case``: its results, of which each condition may say the unit."""
    pairs = [(node.this, node.args.get("true"))] if isinstance(node, exp.If) else []
    results = [node.args.get("false") or node.args.get("default")]
    pairs += [(branch.this, branch.args.get("true")) for branch in node.args.get("ifs") or ()]
    for condition, _ in pairs:
        of(condition)
    return _same(
        "puts in one column",
        [_in_case(condition, of(result)) for condition, result in pairs]
        + [of(result) for result in results],
    )


def _in_case(condition: Any, measure: Measure) -> Measure:
    """A measure whose unit a column says, where the condition says what that column holds."""
    (name, *more) = sorted(measure.origins) or [""]
    if more or not name.startswith(_BY_ROW):
        return measure
    for equal in [condition, *condition.find_all(exp.EQ)]:
        column = equal.find(exp.Column) if isinstance(equal, exp.EQ) else None
        literal = equal.find(exp.Literal) if isinstance(equal, exp.EQ) else None
        if column is None or literal is None or condition.find(exp.Or, exp.Not):
            continue
        if column.name == name.removeprefix(_BY_ROW):
            return measured_in(literal.name)
    return measure


def _same(what: str, measures: list[Measure]) -> Measure:
    measured = [one for one in measures if one.origins]
    if not measured:
        return BARE
    single = {next(iter(one.origins)) for one in measured if len(one.origins) == 1}
    origins = frozenset[str]().union(*(one.origins for one in measured))
    currencies = sorted(name for name in origins if is_currency(name))
    if len(single) > 1 or len(currencies) > 1:
        raise UnitError(f"{what} {' and '.join(sorted(single | set(currencies)))}")
    factors = {one.factor for one in measured}
    if len(factors) > 1 and None not in factors:
        factors = {factor if factor and _converts(factor) else 1.0 for factor in factors}
    return Measure(origins, factors.pop() if len(factors) == 1 else None)


def _product(a: Measure, b: Measure) -> Measure:
    if a.constant is not None and b.constant is not None:
        return replace(BARE, constant=a.constant * b.constant)
    if not a.origins or not b.origins:
        measured, other = (a, b) if a.origins else (b, a)
        return _scaled(measured, other.constant)
    return _both("multiplies", a, b)


def _quotient(a: Measure, b: Measure) -> Measure:
    if a.constant is not None and b.constant:
        return replace(BARE, constant=a.constant / b.constant)
    if not b.origins:
        return _scaled(a, 1 / b.constant if b.constant else None)
    if a.origins == b.origins:
        return BARE
    return _both("divides", a, b)


def _both(what: str, a: Measure, b: Measure) -> Measure:
    currencies = sorted(name for name in a.origins | b.origins if is_currency(name))
    if len(currencies) > 1:
        raise UnitError(f"{what} {' and '.join(currencies)}")
    return Measure(a.origins | b.origins, None)


def _scaled(measure: Measure, constant: float | None) -> Measure:
    measure = replace(measure, constant=None)
    if constant is None or measure.factor is None or not measure.origins:
        return measure
    return replace(measure, factor=measure.factor * abs(constant))


def _apart(factor: float) -> float:
    """How far from one a factor is, whichever way."""
    return max(factor, 1 / factor) if factor else math.inf


def _converts(factor: float) -> bool:
    """Whether a factor is one of those that turn a unit into another.

    A hundred, a thousand or sixty is; a discount or a tax rate is not.
    """
    size = _apart(factor)
    tens = math.log10(size)
    whole = round(tens)
    return (whole >= _FEWEST_TENS and math.isclose(tens, whole)) or any(
        math.isclose(size, one) for one in _TIME_FACTORS
    )


def _dimension(unit: str) -> str:
    return next((name for name, scale in _SCALES.items() if unit in scale), "")


def _scale(unit: str) -> tuple[str, float] | None:
    name = _dimension(unit)
    return (name, _SCALES[name][unit]) if name else None


_KEEPING = (
    exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Abs, exp.Round, exp.Ceil, exp.Floor, exp.ArgMin,
    exp.ArgMax, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Lag, exp.Lead, exp.AnyValue,
    exp.ApproxQuantile, exp.Quantile, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Window,
    exp.Filter, exp.Distinct, exp.Ordered, exp.IgnoreNulls, exp.RespectNulls, exp.Median,
)  # fmt: skip
"""Functions whose result is in the unit of their first argument."""

_RULES: tuple[tuple[tuple[type[Any], ...], Rule], ...] = (
    ((exp.Literal,), _literal),
    ((exp.Paren, exp.Cast, exp.TryCast, exp.Alias), _inside),
    ((exp.Neg,), _negated),
    ((exp.Add, exp.Sub, exp.Mod), _alike("adds")),
    ((exp.Mul,), lambda node, of: _product(of(node.left), of(node.right))),
    ((exp.Div,), lambda node, of: _quotient(of(node.left), of(node.right))),
    ((exp.If, exp.Case), _branches),
    ((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In,
      exp.NullSafeEQ, exp.NullSafeNEQ), _compared),
    ((exp.Coalesce, exp.Greatest, exp.Least), _alike("puts in one column")),
    ((exp.Nullif,), _nullif),
    ((exp.DateDiff, exp.TimestampDiff), _time_between),
    ((exp.Count, exp.CountIf, exp.ApproxDistinct, exp.RowNumber, exp.Predicate, exp.Not,
      exp.And, exp.Or), _counted),
    ((exp.Expr,), _called),
)  # fmt: skip
