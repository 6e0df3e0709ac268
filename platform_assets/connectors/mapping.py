"""A foreign shape to the canonical envelope: a JSONata mapping, then the contract's types."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.jexception import JException  # type: ignore[import-untyped]

from platform_assets.connectors.envelope import Envelope, event_id, micros
from platform_assets.connectors.inbound import protected
from platform_assets.contracts.model import Column, Contract, LogicalType
from platform_assets.core.errors import WeirError

_EPOCH = date(1970, 1, 1).toordinal()
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_OPS = ("c", "u", "d", "r")
_EXACT = 2**53
"""From here on, a 64-bit float does not hold every whole number."""

# ASCII alone: Python's own readers take digits of every script, and `_` between them.
_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}Z?|[0-9]{8}")
_MOMENT = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)?"
    r"|[0-9]{8}(?:T[0-9]{4}(?:[0-9]{2})?)?)"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


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
        self._expression = compiled(source, path)

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
        found = {
            column.name: _converted(column.name, column.type, values.get(column.name))
            for column in self._contract.payload_columns
        }
        for column in self._contract.payload_columns:
            if column.inbound:
                (found[column.name],) = protected(column, [found[column.name]])
        return found


def compiled(source: str, path: Path) -> Jsonata:
    """A mapping, compiled.

    Raises:
        WeirError: the file is missing, or not JSONata.
    """
    try:
        return Jsonata(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeirError(f"source {source}: mapping {path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WeirError(f"source {source}: mapping {path} cannot be read: {error}") from error
    except JException as error:
        raise WeirError(f"source {source}: mapping {path} is not JSONata: {error}") from error


def convert(column: Column, value: Any) -> Any:
    """A foreign value as the column's type (dates and moments as Avro counts them).

    Raises:
        UnmappableError: it is none.
    """
    return _converted(column.name, column.type, value)


def _converted(name: str, kind: LogicalType, value: Any) -> Any:
    if isinstance(value, str):
        if "\0" in value:
            raise UnmappableError(f"{name}: {value[:80]!r} holds a NUL character")
        value = value.strip()
    if value is None or value == "":
        return None
    try:
        return _CONVERTERS[kind](value)
    except (ValueError, TypeError, OverflowError) as error:
        expected = {"integer": "whole number"}.get(kind, kind)
        raise UnmappableError(f"{name}: {str(value)[:80]!r} is not a valid {expected}") from error


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 (of the record, not of the program)
    if isinstance(value, int):
        number = value
    elif isinstance(value, float):
        # A float of 2^53 or more may stand for its neighbours, too.
        if not value.is_integer() or abs(value) >= _EXACT:
            raise ValueError(value)
        number = int(value)
    else:
        # Not int(): it takes `1_000` and digits of every script; nor float(): it rounds.
        match = _WHOLE.fullmatch(value)
        if match is None:
            raise ValueError(value)
        number = int(match[1])
    if not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    # From 2^53 on a 64-bit float holds not every whole number: rounding would give a neighbour.
    if abs(number) >= _EXACT and not isinstance(value, float) and Decimal(value) != number:
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    try:
        return _BOOLEANS[str(value).lower()]
    except KeyError:
        raise ValueError(value) from None


def _date(value: Any) -> int:
    if not _DAY.fullmatch(str(value)):
        raise ValueError(value)
    # XML Schema's dates, and Debezium's, may name their zone.
    return date.fromisoformat(str(value).removesuffix("Z")).toordinal() - _EPOCH


def _timestamp(value: Any) -> int:
    if not _MOMENT.fullmatch(str(value)):
        raise ValueError(value)
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
