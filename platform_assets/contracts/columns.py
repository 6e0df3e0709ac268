"""The columns of a contract: names, types, personal data and units."""

from __future__ import annotations

import re

from open_data_contract_standard.model import SchemaObject, SchemaProperty

from platform_assets.contracts.document import Document
from platform_assets.contracts.model import Column, LogicalType

NAME = re.compile(r"[a-z][a-z0-9_]*")
_PII = ("pii", "restricted")
_UNIT = re.compile(r"[^\s'\"]{1,20}")
_COLUMN_PROPERTIES = {"unit": "unit", "unitColumn": "unit_column"}
_INBOUND = ("hash", "mask")
RESERVED = ("event_date", "op", "valid_from", "valid_to", "source", "entity", "ingested_at")
"""Names of columns that Weir adds to tables; no column of a contract has one."""


class ColumnReader:
    """Reads the columns of a contract's table.

    Args:
        document: the contract's file.
        table: its one table.
    """

    def __init__(self, document: Document, table: SchemaObject) -> None:
        self._document = document
        self._table = table

    def columns(self, event_time: str) -> tuple[Column, ...]:
        """The columns in their order, the event's identity first.

        Args:
            event_time: the column that the envelope's ``occurred_at`` fills.

        Raises:
            ContractError: one cannot be used.
        """
        columns: dict[str, Column] = {}
        for index, prop in enumerate(self._table.properties or ()):
            path = ("schema", 0, "properties", index)
            name = prop.name or ""
            if not NAME.fullmatch(name) or name in RESERVED:
                raise self._document.error(
                    (*path, "name"),
                    f"{name!r} is not a valid column name, or is reserved",
                    f"use a-z, 0-9 and _; reserved: {', '.join(RESERVED)}",
                )
            if name in columns:
                raise self._document.error((*path, "name"), f"column {name!r} is given twice")
            columns[name] = Column(
                name=name,
                type=self._type((*path, "logicalType"), prop),
                description=prop.description or "",
                source={"event_id": "event_id", event_time: "occurred_at"}.get(name, "payload"),
                pii=prop.classification in _PII,
                inbound=self._inbound(path, prop, event_time),
                **self._unit(path, prop),
            )
        event_id = columns.pop(
            "event_id", Column("event_id", LogicalType.STRING, "Identity of the event.", "event_id")
        )
        if event_id.type is not LogicalType.STRING:
            raise self._document.error(("schema", 0, "properties"), "event_id must be a string")
        return (event_id, *columns.values())

    def _unit(self, path: tuple[str | int, ...], prop: SchemaProperty) -> dict[str, str]:
        """``unit`` and ``unit_column`` of a column, from its custom properties."""
        found: dict[str, str] = {}
        texts = [
            str(one.name) for one in self._table.properties or () if one.logicalType == "string"
        ]
        for index, item in enumerate(prop.customProperties or ()):
            where = (*path, "customProperties", index)
            if item.property == "inbound":
                continue
            if item.property not in _COLUMN_PROPERTIES:
                raise self._document.error(
                    (*where, "property"),
                    f"unknown property {item.property!r}",
                    f"known: {', '.join(_COLUMN_PROPERTIES)}, inbound",
                )
            if not isinstance(item.value, str) or not _UNIT.fullmatch(item.value):
                raise self._document.error(
                    (*where, "value"), f"{item.property}: expected a word, got {item.value!r}"
                )
            if prop.logicalType not in ("integer", "number"):
                raise self._document.error(where, "only a number has a unit")
            if item.property == "unitColumn" and item.value not in texts:
                raise self._document.error(
                    (*where, "value"),
                    f"unitColumn: no string column {item.value!r}",
                    f"string columns: {', '.join(texts) or 'none'}",
                )
            found[_COLUMN_PROPERTIES[item.property]] = item.value
        if len(found) > 1:
            raise self._document.error(
                (*path, "customProperties"), "both unit and unitColumn are given", "keep one"
            )
        return found

    def _inbound(self, path: tuple[str | int, ...], prop: SchemaProperty, event_time: str) -> str:
        """What a personal text becomes on its way in."""
        for index, item in enumerate(prop.customProperties or ()):
            if item.property != "inbound":
                continue
            where = (*path, "customProperties", index)
            if item.value not in _INBOUND:
                raise self._document.error(
                    (*where, "value"), f"inbound: expected hash or mask, got {item.value!r}"
                )
            if prop.logicalType != "string" or prop.name in ("event_id", event_time):
                raise self._document.error(where, "only a text of the payload is protected")
            if prop.classification not in _PII:
                raise self._document.error(
                    where, "inbound is for personal columns", "add `classification: pii`"
                )
            if item.value == "mask" and prop.primaryKey:
                raise self._document.error(
                    where, "a key that is masked tells no rows apart", "use `hash`"
                )
            return str(item.value)
        return ""

    def _type(self, path: tuple[str | int, ...], prop: SchemaProperty) -> LogicalType:
        try:
            return LogicalType(prop.logicalType or "")
        except ValueError:
            raise self._document.error(
                path,
                f"column {prop.name!r}: unknown logicalType {prop.logicalType!r}",
                f"use one of {', '.join(LogicalType)}",
            ) from None
