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

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty

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
                (*path, "mustBe"), "a row rule allows no bad row", "write `mustBe: 0`"
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
                f"metric {quality.metric!r} is no row rule",
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
                raise fail((*path, name), f"check {check!r} takes no {name!r}")
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
        expected = _PYTHON_TYPES.get(self._columns[name].type, ())
        if not isinstance(equals, str | int | float) or not isinstance(equals, expected):
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
        minimum = arguments["exclusiveMinimum"] if exclusive else arguments.get("minimum")
        rule = Rule(
            name=name,
            check=check,
            column=column.name,
            values=tuple(arguments.get("values", ())),
            minimum=self._number(path, "minimum", minimum),
            maximum=self._number(path, "maximum", arguments.get("maximum")),
            exclusive_minimum=exclusive,
            pattern=arguments.get("pattern"),
            when=when,
        )
        return self._checked(path, rule)

    def _number(self, path: Path, name: str, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._document.error((*path, name), f"expected a number, got {value!r}")
        return float(value)

    def _checked(self, path: Path, rule: Rule) -> Rule:
        """The rule, if it can act on its column's type."""
        column, fail = self._columns[rule.column], self._document.error
        if rule.check == "between":
            if column.type not in _NUMERIC:
                raise fail(path, f"a range needs a number; {column.name} is a {column.type}")
            if rule.minimum is None and rule.maximum is None:
                raise fail(path, "a range needs `minimum`, `exclusiveMinimum` or `maximum`")
            if None not in (rule.minimum, rule.maximum) and rule.minimum > rule.maximum:  # type: ignore[operator]
                raise fail(path, f"minimum {rule.minimum:g} is above maximum {rule.maximum:g}")
        elif rule.check == "one_of":
            types = _PYTHON_TYPES.get(column.type, ())
            if not rule.values or not all(isinstance(value, types) for value in rule.values):
                raise fail(path, f"expected a list of values of type {column.type}")
        elif rule.check == "matches":
            if column.type is not LogicalType.STRING:
                raise fail(path, f"a pattern needs a string; {column.name} is a {column.type}")
            try:
                re.compile(str(rule.pattern))
            except re.error as error:
                raise fail(path, f"not a regular expression: {error}") from error
        elif rule.check == "not_after_arrival" and (
            column.type is not LogicalType.TIMESTAMP or rule.maximum is None
        ):
            raise fail(path, "not_after_arrival needs a timestamp column and `maximum` seconds")
        return rule
