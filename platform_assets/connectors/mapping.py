"""A foreign shape to the canonical envelope: a JSONata mapping, then the contract's types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.jexception import JException  # type: ignore[import-untyped]

from platform_assets.connectors.envelope import Envelope, event_id, micros
from platform_assets.contracts.model import Column, Contract, LogicalType
from platform_assets.core.errors import WeirError

_EPOCH = date(1970, 1, 1).toordinal()
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_OPS = ("c", "u", "d", "r")


class UnmappableError(ValueError):
    """One record cannot be mapped; says which field and why. It belongs in a dead-letter topic."""


class EnvelopeMapping:
    """A source's mapping, compiled once.

    The mapping's result has ``after`` (and ``before``), ``identity`` (a list, or ``event_id``),
    ``occurred_at`` and ``op`` (default ``c``). Text is converted to the contract's types; empty
    text is null; a moment without an offset is UTC.
    """

    def __init__(self, contract: Contract, source: str, path: Path) -> None:
        """Compile a mapping.

        Raises:
            WeirError: the file is missing, or not JSONata.
        """
        self._contract = contract
        self._source = source
        try:
            self._expression = Jsonata(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise WeirError(f"source {source}: mapping {path} cannot be read: {error}") from error
        except JException as error:
            raise WeirError(f"source {source}: mapping {path} is not JSONata: {error}") from error

    def envelope(self, record: Mapping[str, Any], ingested_at: int) -> Envelope:
        """Map one record.

        Raises:
            UnmappableError: it has no envelope; says why.
        """
        try:
            shape = self._expression.evaluate(dict(record))
        except (JException, ValueError, TypeError, ArithmeticError) as error:
            raise UnmappableError(f"mapping failed: {error}") from error
        if not isinstance(shape, dict):
            raise UnmappableError("the mapping gave no object")
        op = shape.get("op", "c")
        if op not in _OPS:
            raise UnmappableError(f"op: {op!r} is none of {', '.join(_OPS)}")
        moment = _converted("occurred_at", LogicalType.TIMESTAMP, shape.get("occurred_at"))
        if (identity := shape.get("identity")) is not None:
            identifier: str | None = event_id(self._source, *identity)
        else:
            identifier = shape.get("event_id")
        return Envelope(
            event_id=identifier,
            source=self._source,
            entity=self._contract.topic.entity,
            op=op,
            occurred_at=moment,
            ingested_at=ingested_at,
            before=self._image(shape.get("before")),
            after=self._image(shape.get("after")),
        )

    def _image(self, values: Any) -> dict[str, Any] | None:
        if values is None:
            return None
        return {
            column.name: _converted(column.name, column.type, values.get(column.name))
            for column in self._contract.payload_columns
        }


def convert(column: Column, value: Any) -> Any:
    """A foreign value as the column's type (dates and moments as Avro counts them).

    Raises:
        UnmappableError: it is none.
    """
    return _converted(column.name, column.type, value)


def _converted(name: str, kind: LogicalType, value: Any) -> Any:
    if isinstance(value, str):
        value = value.strip()
    if value is None or value == "":
        return None
    try:
        return _CONVERTERS[kind](value)
    except (ValueError, OverflowError) as error:
        expected = {"integer": "whole number"}.get(kind, kind)
        raise UnmappableError(f"{name}: {str(value)[:80]!r} is no {expected}") from error


def _integer(value: Any) -> int:
    try:
        number = int(value) if not isinstance(value, float) else value
    except ValueError:
        number = float(value)
    if number != int(number) or not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return int(number)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    try:
        return _BOOLEANS[str(value).lower()]
    except KeyError:
        raise ValueError(value) from None


def _date(value: Any) -> int:
    return date.fromisoformat(str(value)).toordinal() - _EPOCH


def _timestamp(value: Any) -> int:
    moment = datetime.fromisoformat(str(value))
    return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


_CONVERTERS: dict[LogicalType, Any] = {
    LogicalType.STRING: str,
    LogicalType.INTEGER: _integer,
    LogicalType.NUMBER: _number,
    LogicalType.BOOLEAN: _boolean,
    LogicalType.DATE: _date,
    LogicalType.TIMESTAMP: _timestamp,
}
