"""Broken records, one kind for each rule of a contract, so that every rule is exercised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from platform_assets.connectors.avro_codec import FRAME, Columns
from platform_assets.contracts.model import Contract, LogicalType, Rule

KEY_MISSING = "key_missing"
EVENT_TIME_MISSING = "event_time_missing"
UNDECODABLE = "undecodable"

Breaker = Callable[[Columns, int], None]

_FAR_FUTURE = 4_102_444_800_000_000
"""The year 2100, in microseconds: after any arrival."""
_UNKNOWN_SCHEMA = 0x7FFF_FF00


def kinds(contract: Contract) -> list[str]:
    """The ways to break a record of the contract."""
    return [KEY_MISSING, EVENT_TIME_MISSING, *(rule.name for rule in contract.rules), UNDECODABLE]


def breaker(contract: Contract, kind: str) -> Breaker:
    """What breaks a row in the way ``kind``; undecodable rows are broken as bytes instead."""
    if kind == KEY_MISSING:
        return _setter(contract, contract.key[0], None)
    if kind == EVENT_TIME_MISSING:
        return _setter(contract, contract.event_time, None)
    if kind == UNDECODABLE:
        return lambda _columns, _row: None
    rule = next(rule for rule in contract.rules if rule.name == kind)
    breakers = [_setter(contract, rule.column, value) for value in _bad_values(contract, rule)]
    guard = rule.when

    def apply(columns: Columns, row: int) -> None:
        if guard is not None:
            _setter(contract, guard.column, guard.equals)(columns, row)
        breakers[row % len(breakers)](columns, row)

    return apply


def undecodable(value: bytes, row: int) -> bytes:
    """Bytes that no reader can make sense of; four sorts in turn.

    Text without a frame; a body cut short; a frame with a schema that no registry knows; a
    union branch that does not exist.
    """
    header = value[: FRAME.size]
    return (
        b'{"user_id": 17, "event_type": "view"}',
        value[: FRAME.size + (len(value) - FRAME.size) // 2],
        FRAME.pack(0, _UNKNOWN_SCHEMA) + value[FRAME.size :],
        header + b"\x7f" + value[FRAME.size + 1 :],
    )[row % 4]


def _setter(contract: Contract, name: str, value: Any) -> Breaker:
    source = contract.column(name).source

    def apply(columns: Columns, row: int) -> None:
        if source == "event_id":
            columns.event_ids[row] = value
        elif source == "occurred_at":
            columns.occurred_at[row] = value
        else:
            columns.after[name][row] = value

    return apply


def _bad_values(contract: Contract, rule: Rule) -> list[Any]:
    """Values that break the rule."""
    kind = contract.column(rule.column).type
    if rule.check == "not_null":
        return [None]
    if rule.check == "not_after_arrival":
        return [_FAR_FUTURE]
    if rule.check == "one_of":
        strings = kind is LogicalType.STRING
        return ["unknown"] if strings else [max(rule.values) + 1000]  # type: ignore[operator]
    if rule.check == "matches":
        return ["not a valid value!"]
    as_type = int if kind is LogicalType.INTEGER else float
    values: list[Any] = []
    if rule.minimum is not None and rule.when is None:
        values.append(as_type(rule.minimum - (0 if rule.exclusive_minimum else 1)))
    if rule.maximum is not None:
        values.append(as_type(rule.maximum + 1))
    # A guarded rule is broken at its upper bound where it has one: the lower bound is often
    # another, unguarded rule's too, and that one would be named first.
    return values or [as_type((rule.minimum or 0) - (0 if rule.exclusive_minimum else 1))]
