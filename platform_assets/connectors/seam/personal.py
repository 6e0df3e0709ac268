"""Personal values of refused rows: a dead letter holds no more of them than the log would.

Belongs here: what of a row that cannot be mapped may be kept, by the contract's ``inbound``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from platform_assets.connectors.inbound import protected
from platform_assets.connectors.mapping import UnmappableError, convert
from platform_assets.connectors.seam.convert import json_value
from platform_assets.connectors.seam.definition import StreamFields, named_by
from platform_assets.connectors.seam.rules import Rule
from platform_assets.contracts.model import Column, Contract

PROTECTED_HEADER = "protected"
"""Of a dead letter: source columns whose values are hashed or masked in it already."""
WITHHELD_HEADER = "withheld"
"""Of a dead letter that lacks personal values and so can be sent by nobody: what it lacks."""
_WITHHELD = "***"


class PersonalValues:
    """What a stream's dead letters may hold.

    A personal column that is one column of the source is hashed or masked as it would be on its
    way in, and the row can be replayed. What an expression, a path or JSONata makes a personal
    column of is left out, and so is a record that is no row.
    """

    def __init__(self, stream: StreamFields, contract: Contract) -> None:
        personal = [column for column in contract.payload_columns if column.inbound]
        self.any = bool(personal)
        self._all = self.any and bool(stream.mapping)
        self._plain: dict[str, Column] = {}
        self._hidden: set[str] = set()
        self._named: set[str] | None = None
        rules = {name: Rule.of(rule) for name, rule in stream.columns.items()}
        for column in personal:
            rule = rules.pop(column.name, None)
            if rule is None:
                if stream.evolution.columns == "evolve" and column.name == stream.evolution.extra:
                    self._named = named_by(stream)
            elif (one := rule.column) and "." not in one and rule == Rule(column=one):
                self._plain[one] = column
            else:
                self._hidden |= rule.names()
        others = [*rules.values(), *map(Rule.of, stream.identity), Rule.of(stream.op)]
        others += [Rule.of(stream.occurred_at)] if stream.occurred_at is not None else []
        read = {name for rule in others for name in rule.names()}
        # What is hashed cannot name the event any more, nor be read by another rule.
        self._again = (
            not (self._all or self._hidden or self._named is not None)
            and not read & self._plain.keys()
        )

    @property
    def headers(self) -> dict[str, str]:
        """Of the dead letter of a row."""
        if not self.any:
            return {}
        if self._again:
            return {PROTECTED_HEADER: ", ".join(sorted(self._plain))}
        return {WITHHELD_HEADER: "personal values"}

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A refused row as it may be kept.

        Raises:
            SecretError: a column is hashed, and there is no salt.
        """
        return {name: self._value(name, value) for name, value in row.items()}

    def raw(self, raw: bytes) -> tuple[bytes, dict[str, str]]:
        """A record that is no row, as it may be kept, and its headers."""
        return (b"", {WITHHELD_HEADER: "all of it"}) if self.any else (raw, {})

    def _value(self, name: str, value: Any) -> Any:
        if not self.any or value is None:
            return value
        extra = self._named is not None and name[:1] != "_" and name not in self._named
        if self._all or extra or name in self._hidden:
            return _WITHHELD
        if name not in self._plain:
            return value
        column = self._plain[name]
        try:
            return protected(column, [convert(column, json_value(value))])[0]
        except UnmappableError:
            return _WITHHELD


def as_protected(contract: Contract) -> Contract:
    """The contract for rows whose personal values are hashed or masked already."""
    return replace(
        contract, columns=tuple(replace(column, inbound="") for column in contract.columns)
    )
