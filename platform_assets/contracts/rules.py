"""ODCS quality terms to Weir's row rules.

========================================  ===========================================
in the contract                           rule
========================================  ===========================================
``required: true``                        ``<column>_not_null``
``enum: [{value: a}, ...]``               ``<column>_one_of``
``logicalTypeOptions`` minimum, maximum,  ``<column>_range``
exclusiveMinimum
``logicalTypeOptions`` pattern            ``<column>_pattern`` (the whole value)
``quality`` metric ``nullValues`` or      as above, with its own ``name`` if given
``invalidValues``, ``mustBe: 0``
``quality`` type ``custom``,              ``name``; the implementation is a mapping with
``engine: weir``                          ``check``, its arguments, and ``when``
========================================  ===========================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty

from platform_assets.contracts import patterns
from platform_assets.contracts.document import Document, Path
from platform_assets.contracts.model import Column, Condition, LogicalType, Rule

CHECKS = ("not_null", "one_of", "between", "matches", "not_after_arrival")
_NUMERIC = (LogicalType.INTEGER, LogicalType.NUMBER)
_OPTIONS = ("minimum", "maximum", "exclusiveMinimum", "pattern")
_ARGUMENTS = {
    "not_null": (),
    "one_of": ("values",),
    "between": ("minimum", "maximum", "exclusiveMinimum"),
    "matches": ("pattern",),
    "not_after_arrival": ("maximum",),
}
_PYTHON_TYPES: dict[LogicalType, tuple[type, ...]] = {
    LogicalType.STRING: (str,),
    LogicalType.INTEGER: (int,),
    LogicalType.NUMBER: (int, float),
    LogicalType.BOOLEAN: (bool,),
}
_LONGEST_SECONDS = 100 * 366 * 86400
"""Beyond, dates overflow in one engine or another."""


class RuleReader:
    """Reads the rules of one contract, and refuses what cannot act."""

    def __init__(self, document: Document, columns: Mapping[str, Column]) -> None:
        self._document = document
        self._columns = columns

    def of_property(self, path: Path, prop: SchemaProperty, implied: bool) -> Iterator[Rule]:
        """Rules of one property, in the order of the standard's terms.

        Args:
            path: where the property stands.
            prop: the property.
            implied: not-null is implied (a key, or the event time), so ``required`` adds nothing.
        """
        column = self._columns[str(prop.name)]
        if prop.required and not implied:
            yield Rule(f"{column.name}_not_null", "not_null", column.name)
        if prop.enum:
            values = {"values": [item.value for item in prop.enum]}
            yield self._make((*path, "enum"), f"{column.name}_one_of", "one_of", column, values)
        yield from self._of_options(path, prop, column)
        for index, quality in enumerate(prop.quality or ()):
            yield from self._of_quality((*path, "quality", index), quality, column)

    def of_table(self, path: Path, qualities: Iterable[DataQuality]) -> Iterator[Rule]:
        """Rules given at the table: custom ones, whose implementation names ``column``."""
        for index, quality in enumerate(qualities):
            yield from self._of_quality((*path, index), quality, None)

    def _of_options(self, path: Path, prop: SchemaProperty, column: Column) -> Iterator[Rule]:
        path = (*path, "logicalTypeOptions")
        options = prop.logicalTypeOptions or {}
        for name in options:
            if name not in _OPTIONS:
                raise self._document.error(
                    (*path, name), f"Weir checks no {name!r}", f"use one of {', '.join(_OPTIONS)}"
                )
        bounds = {name: options[name] for name in _OPTIONS[:3] if name in options}
        if bounds:
            yield self._make(path, f"{column.name}_range", "between", column, bounds)
        if "pattern" in options:
            pattern = {"pattern": options["pattern"]}
            yield self._make(path, f"{column.name}_pattern", "matches", column, pattern)

    def _of_quality(
        self, path: Path, quality: DataQuality, column: Column | None
    ) -> Iterator[Rule]:
        if quality.type == "text":
            return
        if quality.type == "custom":
            yield self._custom(path, quality, column)
        elif quality.type in (None, "library") and column is not None:
            yield from self._library(path, quality, column)
        else:
            raise self._document.error(
                (*path, "type"),
                f"a quality rule of type {quality.type!r} cannot act on rows here",
                "give a property's metric (nullValues, invalidValues), or type custom, engine weir",
            )

    def _library(self, path: Path, quality: DataQuality, column: Column) -> Iterator[Rule]:
        if quality.mustBe != 0:
            raise self._document.error(
                (*path, "mustBe"), "a row rule cannot allow bad rows", "write `mustBe: 0`"
            )
        arguments = quality.arguments or {}
        if quality.metric in ("nullValues", "missingValues"):
            yield Rule(quality.name or f"{column.name}_not_null", "not_null", column.name)
        elif quality.metric == "invalidValues" and "validValues" in arguments:
            values = {"values": arguments["validValues"]}
            name = quality.name or f"{column.name}_one_of"
            yield self._make(path, name, "one_of", column, values)
        elif quality.metric == "invalidValues" and "pattern" in arguments:
            name = quality.name or f"{column.name}_pattern"
            pattern = {"pattern": arguments["pattern"]}
            yield self._make(path, name, "matches", column, pattern)
        else:
            raise self._document.error(
                (*path, "metric"),
                f"metric {quality.metric!r} is not a row rule",
                "use nullValues, or invalidValues with arguments validValues or pattern",
            )

    def _custom(self, path: Path, quality: DataQuality, column: Column | None) -> Rule:
        fail = self._document.error
        if quality.engine != "weir":
            raise fail(
                (*path, "engine"), f"unknown engine {quality.engine!r}", "write engine: weir"
            )
        if not quality.name:
            raise fail(path, "a custom rule needs a name", "it is written to each row it rejects")
        if not isinstance(quality.implementation, dict):
            raise fail((*path, "implementation"), "expected a mapping with `check`")
        body: dict[str, Any] = dict(quality.implementation)
        path = (*path, "implementation")
        check, when = body.pop("check", None), body.pop("when", None)
        if (named := body.pop("column", None)) is not None:
            column = self._columns.get(named)
        if column is None:
            raise fail(
                (*path, "column"), f"no column {named!r}", f"columns: {', '.join(self._columns)}"
            )
        if check not in CHECKS:
            raise fail((*path, "check"), f"unknown check {check!r}", f"one of {', '.join(CHECKS)}")
        for name in body:
            if name not in _ARGUMENTS[check]:
                raise fail((*path, name), f"check {check!r} does not take {name!r}")
        return self._make(path, quality.name, check, column, body, when=self._condition(path, when))

    def _condition(self, path: Path, when: Any) -> Condition | None:
        if when is None:
            return None
        if not isinstance(when, dict) or len(when) != 1:
            raise self._document.error(
                (*path, "when"), "expected one column and its value", "e.g. `when: {op: sale}`"
            )
        ((name, equals),) = when.items()
        if name not in self._columns:
            raise self._document.error((*path, "when", name), f"no column {name!r}")
        if not _fits(equals, self._columns[name].type):
            raise self._document.error(
                (*path, "when", name), f"{equals!r} is not a {self._columns[name].type}"
            )
        return Condition(name, equals)

    def _make(
        self,
        path: Path,
        name: str,
        check: str,
        column: Column,
        arguments: Mapping[str, Any],
        *,
        when: Condition | None = None,
    ) -> Rule:
        exclusive = "exclusiveMinimum" in arguments
        if exclusive and "minimum" in arguments:
            raise self._document.error(
                (*path, "exclusiveMinimum"),
                "given beside `minimum`: one of the two says nothing",
                "keep the tighter one",
            )
        minimum = arguments["exclusiveMinimum"] if exclusive else arguments.get("minimum")
        values = arguments.get("values", [])
        if not isinstance(values, list):
            raise self._document.error(path, f"expected a list of values, got {values!r}")
        rule = Rule(
            name=name,
            check=check,
            column=column.name,
            # A list of 1 and 2.5 is no column of polars: all floats, as the column is.
            values=tuple(_as_stored(value, column.type) for value in values),
            minimum=self._number(path, "exclusiveMinimum" if exclusive else "minimum", minimum),
            maximum=self._number(path, "maximum", arguments.get("maximum")),
            exclusive_minimum=exclusive,
            pattern=arguments.get("pattern"),
            when=when,
        )
        return self._checked(path, rule)

    def _number(self, path: Path, name: str, value: Any) -> float | None:
        """A bound as the engines compare it: a finite 64-bit float, exactly as written."""
        if value is None:
            return None
        fail = self._document.error
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise fail((*path, name), f"expected a number, got {value!r}", _number_hint(value))
        if isinstance(value, float) and not math.isfinite(value):
            raise fail((*path, name), f"expected a finite number, got {value!r}")
        if isinstance(value, int) and not _is_exact(value):
            raise fail((*path, name), f"{value} is not a 64-bit float exactly", "round it")
        return float(value)

    def _checked(self, path: Path, rule: Rule) -> Rule:
        """The rule, if it can act on its column's type."""
        column, fail = self._columns[rule.column], self._document.error
        if rule.check == "between":
            self._check_range(path, rule, column)
        elif rule.check == "one_of":
            if not rule.values:
                raise fail(path, f"expected a list of values of type {column.type}")
            for value in rule.values:
                if not _fits(value, column.type):
                    raise fail(
                        path, f"expected a list of values of type {column.type}, got {value!r}"
                    )
        elif rule.check == "matches":
            if column.type is not LogicalType.STRING:
                raise fail(path, f"a pattern needs a string; {column.name} is a {column.type}")
            self._check_pattern(path, rule.pattern)
        elif rule.check == "not_after_arrival":
            if column.type is not LogicalType.TIMESTAMP or rule.maximum is None:
                raise fail(path, "not_after_arrival needs a timestamp column and `maximum` seconds")
            if rule.maximum < 0 or rule.maximum != int(rule.maximum):
                raise fail((*path, "maximum"), f"expected whole seconds, got {rule.maximum:g}")
            if rule.maximum > _LONGEST_SECONDS:
                raise fail((*path, "maximum"), "expected at most a hundred years")
        return rule

    def _check_range(self, path: Path, rule: Rule, column: Column) -> None:
        fail = self._document.error
        if column.type not in _NUMERIC:
            raise fail(path, f"a range needs a number; {column.name} is a {column.type}")
        low, high = rule.minimum, rule.maximum
        if low is None and high is None:
            raise fail(path, "a range needs `minimum`, `exclusiveMinimum` or `maximum`")
        if low is None or high is None:
            return
        if low > high:
            raise fail(path, f"minimum {low:g} is above maximum {high:g}")
        if column.type is LogicalType.INTEGER:
            least = math.floor(low) + 1 if rule.exclusive_minimum else math.ceil(low)
            empty = least > math.floor(high)
        else:
            empty = rule.exclusive_minimum and low == high
        if empty:
            raise fail(path, f"no {column.type} lies between the bounds {low:g} and {high:g}")

    def _check_pattern(self, path: Path, pattern: Any) -> None:
        if not isinstance(pattern, str):
            raise self._document.error(
                (*path, "pattern"), f"expected a pattern as text, got {pattern!r}", "quote it"
            )
        try:
            patterns.check(pattern)
        except patterns.PatternError as error:
            raise self._document.error(
                (*path, "pattern"), f"not a regular expression for every engine: {error}"
            ) from error


def _fits(value: Any, kind: LogicalType) -> bool:
    """Whether a value of YAML is one of the column's (``true`` is no integer, though Python's)."""
    if isinstance(value, bool) and kind is not LogicalType.BOOLEAN:
        return False
    if not isinstance(value, _PYTHON_TYPES.get(kind, ())):
        return False
    number: Any = value
    if kind is LogicalType.INTEGER:
        return bool(-(2**63) <= number < 2**63)
    if kind is LogicalType.NUMBER:
        return _is_exact(number) if isinstance(number, int) else math.isfinite(number)
    return True


def _is_exact(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def _number_hint(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    # YAML 1.1 reads a number with an exponent only where it has a point and a sign.
    return f"write {number:g} without quotes, with a point and a sign before the exponent"


def _as_stored(value: Any, kind: LogicalType) -> Any:
    plain = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if kind is LogicalType.NUMBER and plain and _is_exact(value) else value
