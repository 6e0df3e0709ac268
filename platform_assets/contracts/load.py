"""Reads data contracts: ODCS v3 YAML -> :class:`~platform_assets.contracts.model.Contract`.

A topic's contract is ``<domain>.<entity>.yaml`` in ``contracts/``, or in the folder of the one
source that feeds it. Everything but columns has a
default; ``docs/reference/contracts.md`` lists the properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import SchemaObject

from platform_assets import sources
from platform_assets.contracts.columns import NAME, ColumnReader
from platform_assets.contracts.document import ContractError, Document
from platform_assets.contracts.model import (
    BadRow,
    Column,
    Contract,
    LogicalType,
    Maintenance,
    Rule,
    TopicKind,
    TopicPolicy,
)
from platform_assets.contracts.rules import RuleReader
from platform_assets.core.broken import Loaded, load_each
from platform_assets.core.naming import OWNER_RULE, TopicName, is_owner

__all__ = [
    "CONTRACTS", "ContractError", "contract_files", "derived_contract", "derived_contracts",
    "load_contract", "load_contracts",
]  # fmt: skip

CONTRACTS = Path(__file__).parent
"""Where the contracts lie."""
DERIVED = CONTRACTS / "derived"
"""Those of tables that a batch step makes of silver: they have no topic and no bronze."""

_FUTURE_TOLERANCE_SECONDS = 3600
_MAINTENANCE = {
    "optimizeAfterDays": "optimize_after_days",
    "vacuumHours": "vacuum_hours",
    "bronzeDays": "bronze_days",
    "quarantineDays": "quarantine_days",
}
_PROPERTIES = (
    "kind", "eventTime", "partitions", "badRows", "quarantineThreshold", "thresholdMinRecords",
    "windowSeconds", "futureToleranceSeconds", "maintenance",
)  # fmt: skip
_LARGEST = 100 * 366 * 86400
"""Seconds, and the greatest of any policy's number: beyond, dates overflow in an engine."""
_LONGEST = 100 * 366
"""Days."""
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "day": 86400, "days": 86400}


@lru_cache(maxsize=1)
def load_contracts() -> Loaded[TopicName, Contract]:
    """All contracts of the lake that can be used, by topic, in the order of their names.

    One that cannot be used stops no other: it is in ``broken``, and asking for its topic raises
    its error.
    """
    return read_lake()


def read_lake() -> Loaded[TopicName, Contract]:
    """What :func:`load_contracts` says, as the files are now."""
    return _read_each(contract_files())


def contract_files() -> list[Path]:
    """The lake's contracts: those of ``contracts/`` and of the source folders, by name."""
    found = [*sorted(CONTRACTS.glob("*.yaml")), *sources.contract_files()]
    return sorted(found, key=lambda path: path.name)


@lru_cache(maxsize=1)
def derived_contracts() -> tuple[Contract, ...]:
    """The contracts of silver tables that a batch step makes of others, by name.

    Raises:
        ContractError: one cannot be used.
    """
    return tuple(load_contract(path) for path in sorted(DERIVED.glob("*.yaml")))


def derived_contract(topic: TopicName) -> Contract:
    """The contract of one such table.

    Raises:
        KeyError: there is none of that name.
    """
    return {one.topic: one for one in derived_contracts()}[topic]


def read_contracts(folder: Path) -> Loaded[TopicName, Contract]:
    """The contracts of a folder; see :func:`load_contracts`."""
    return _read_each(sorted(folder.glob("*.yaml")))


def _read_each(paths: list[Path]) -> Loaded[TopicName, Contract]:
    taken: dict[str, TopicName] = {}

    def one(path: Path) -> tuple[TopicName, Contract]:
        contract = load_contract(path)
        # `orders_history` may be a topic of its own, or a table of the change topic `orders`.
        names = [f"table {table.sql}" for table in contract.tables]
        names.append(f"short name {contract.topic.slug}")
        for name in names:
            if (other := taken.get(name)) is not None:
                raise ContractError(
                    f"contract {path}: its {name} is that of {other}, too", "rename one of the two"
                )
        taken.update(dict.fromkeys(names, contract.topic))
        return contract.topic, contract

    return load_each("contract", paths, one)


def load_contract(path: Path | str) -> Contract:
    """Read one contract.

    Raises:
        ContractError: it cannot be used; names file, line, property and what was expected.
    """
    return _Reader(Document(Path(path))).contract()


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._model = document.model

    def contract(self) -> Contract:
        topic, table, custom = self._topic(), self._table(), self._custom()
        kind = self._choice(custom, "kind", TopicKind, TopicKind.APPEND)
        event_time = self._event_time(custom, table)
        columns = ColumnReader(self._document, table).columns(event_time)
        key = self._key(kind, table)
        tolerance = self._whole(custom, "futureToleranceSeconds", _FUTURE_TOLERANCE_SECONDS)
        sla = self._sla()
        defaults = Contract(
            topic=topic,
            version=self._model.version or "1.0.0",
            kind=kind,
            description=self._description(table),
            owner=self._owner(topic),
            columns=columns,
            key=key,
            event_time=event_time,
            rules=(
                *self._rules(table, columns, (*key, event_time)),
                Rule("event_time_in_future", "not_after_arrival", event_time, maximum=tolerance),
            ),
            path=str(self._document.file),
        )
        return replace(
            defaults,
            bad_row=self._choice(custom, "badRows", BadRow, BadRow.QUARANTINE),
            quarantine_threshold=self._share(custom, "quarantineThreshold", 0.5),
            threshold_min_records=self._whole(custom, "thresholdMinRecords", 100),
            window_seconds=self._window(custom),
            lateness_seconds=sla.get("lateness", defaults.lateness_seconds),
            fresh_within_minutes=max(1, sla.get("freshness", 3600) // 60),
            topic_policy=TopicPolicy(
                partitions=self._whole(custom, "partitions", 2, least=1),
                retention_hours=max(1, sla.get("retention", 168 * 3600) // 3600),
            ),
            maintenance=self._maintenance(custom),
        )

    def _topic(self) -> TopicName:
        stem = self._document.file.stem
        try:
            topic = TopicName.parse(stem)
        except ValueError as error:
            raise self._document.error((), f"the file's name is not a topic: {error}") from None
        for part in (topic.domain, topic.entity):
            if not NAME.fullmatch(part):
                raise self._document.error(
                    (), f"{part!r} in the file's name: expected a-z, 0-9 and _, a letter first"
                )
        if self._model.domain not in (None, topic.domain):
            raise self._document.error(
                ("domain",), f"expected {topic.domain!r}, as the file's name says"
            )
        return topic

    def _table(self) -> SchemaObject:
        tables = self._model.schema_ or []
        if len(tables) != 1 or not tables[0].properties:
            raise self._document.error(("schema",), "expected one table with `properties`")
        entity = self._topic().entity
        if tables[0].name != entity:
            raise self._document.error(
                ("schema", 0, "name"), f"expected {entity!r}, as the file's name says"
            )
        return tables[0]

    def _custom(self) -> dict[str, tuple[int, Any]]:
        found: dict[str, tuple[int, Any]] = {}
        for index, item in enumerate(self._model.customProperties or ()):
            if item.property not in _PROPERTIES:
                raise self._document.error(
                    ("customProperties", index, "property"),
                    f"unknown property {item.property!r}",
                    f"known: {', '.join(_PROPERTIES)}",
                )
            if item.property in found:
                raise self._document.error(
                    ("customProperties", index, "property"), f"{item.property!r} is given twice"
                )
            found[item.property] = (index, item.value)
        return found

    def _choice(self, custom: Mapping[str, Any], name: str, choices: Any, default: Any) -> Any:
        if name not in custom:
            return default
        index, value = custom[name]
        try:
            return choices(value)
        except ValueError:
            expected = " or ".join(choices)
            raise self._document.error(
                ("customProperties", index, "value"), f"{name}: expected {expected}, got {value!r}"
            ) from None

    def _number(
        self, custom: Mapping[str, Any], name: str, default: float, least: float = 0
    ) -> float:
        if name not in custom:
            return default
        index, value = custom[name]
        # `not least <= value`: every comparison with NaN is false.
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value:
            raise self._document.error(
                ("customProperties", index, "value"),
                f"{name}: expected a number of at least {least:g}, got {value!r}",
            )
        if value > _LARGEST:
            raise self._document.error(
                ("customProperties", index, "value"), f"{name}: {value!r} is too large"
            )
        return float(value)

    def _whole(self, custom: Mapping[str, Any], name: str, default: int, least: int = 0) -> int:
        number = self._number(custom, name, default, least)
        if number != int(number):
            raise self._document.error(
                ("customProperties", custom[name][0], "value"),
                f"{name}: expected a whole number, got {number!r}",
            )
        return int(number)

    def _share(self, custom: Mapping[str, Any], name: str, default: float) -> float:
        share = self._number(custom, name, default)
        if share > 1:
            raise self._document.error(
                ("customProperties", custom[name][0], "value"),
                f"{name}: expected a share between 0 and 1, got {share:g}",
            )
        return share

    def _window(self, custom: Mapping[str, Any]) -> int:
        seconds = self._whole(custom, "windowSeconds", 3600, least=60)
        if 86400 % seconds:
            raise self._document.error(
                ("customProperties", custom["windowSeconds"][0], "value"),
                f"windowSeconds: expected a divisor of a day (86400), got {seconds}",
            )
        return seconds

    def _sla(self) -> dict[str, int]:
        seconds: dict[str, int] = {}
        for index, item in enumerate(self._model.slaProperties or ()):
            if item.property not in ("freshness", "lateness", "retention"):
                continue
            value: Any = item.value
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or item.unit not in _UNITS:
                raise self._document.error(
                    ("slaProperties", index),
                    f"{item.property}: expected a number and a unit of {', '.join(_UNITS)}",
                )
            # Written so that NaN and infinity are refused too.
            if not 0 <= value * _UNITS[item.unit] <= _LARGEST:
                raise self._document.error(
                    ("slaProperties", index, "value"),
                    f"{item.property}: expected a duration of at most a hundred years, "
                    f"got {value!r} {item.unit}",
                )
            if item.property in seconds:
                raise self._document.error(
                    ("slaProperties", index, "property"), f"{item.property!r} is given twice"
                )
            seconds[item.property] = int(value * _UNITS[item.unit])
        return seconds

    def _maintenance(self, custom: Mapping[str, Any]) -> Maintenance:
        index, value = custom.get("maintenance", (0, {}))
        if not isinstance(value, dict) or not set(value) <= set(_MAINTENANCE):
            raise self._document.error(
                ("customProperties", index, "value"),
                f"maintenance: expected a mapping of {', '.join(_MAINTENANCE)}",
            )
        for name, days in value.items():
            if days is None and name in ("bronzeDays", "quarantineDays"):
                continue
            if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= _LONGEST:
                raise self._document.error(
                    ("customProperties", index, "value", name), f"expected a whole number: {days!r}"
                )
        return Maintenance(**{_MAINTENANCE[name]: days for name, days in value.items()})

    def _event_time(self, custom: Mapping[str, Any], table: SchemaObject) -> str:
        times = [
            str(prop.name)
            for prop in table.properties or ()
            if prop.logicalType == LogicalType.TIMESTAMP
        ]
        if "eventTime" in custom:
            index, value = custom["eventTime"]
            if value not in times:
                raise self._document.error(
                    ("customProperties", index, "value"),
                    f"eventTime: no timestamp column {value!r}",
                    f"timestamp columns: {', '.join(times) or 'none'}",
                )
            return str(value)
        if "timestamp" in times or len(times) == 1:
            return "timestamp" if "timestamp" in times else times[0]
        raise self._document.error(
            ("schema", 0, "properties"),
            f"which column is the event time? timestamp columns: {', '.join(times) or 'none'}",
            "add one of logicalType timestamp, or name it by the custom property eventTime",
        )

    def _key(self, kind: TopicKind, table: SchemaObject) -> tuple[str, ...]:
        keyed = [prop for prop in table.properties or () if prop.primaryKey]
        keyed.sort(key=lambda prop: prop.primaryKeyPosition or 0)
        if not keyed and kind is TopicKind.CHANGE:
            raise self._document.error(
                ("schema", 0, "properties"),
                "a change topic needs the entity's key",
                "mark its columns with `primaryKey: true`",
            )
        return tuple(str(prop.name) for prop in keyed) or ("event_id",)

    def _rules(
        self, table: SchemaObject, columns: tuple[Column, ...], implied: tuple[str, ...]
    ) -> tuple[Rule, ...]:
        reader = RuleReader(self._document, {column.name: column for column in columns})
        rules: list[Rule] = []
        for index, prop in enumerate(table.properties or ()):
            path = ("schema", 0, "properties", index)
            rules.extend(reader.of_property(path, prop, prop.name in implied))
        rules.extend(reader.of_table(("schema", 0, "quality"), table.quality or ()))
        seen: set[str] = {"type", "key_missing", "event_time_missing", "event_time_in_future"}
        for rule in rules:
            if rule.name in seen:
                raise self._document.error(
                    ("schema", 0), f"two rules are called {rule.name!r}", "name one otherwise"
                )
            seen.add(rule.name)
        return tuple(rules)

    def _description(self, table: SchemaObject) -> str:
        purpose = self._model.description.purpose if self._model.description else None
        return (purpose or table.description or "").strip()

    def _owner(self, topic: TopicName) -> str:
        name = getattr(self._model.team, "name", None)
        if name and not is_owner(name):
            raise self._document.error(("team", "name"), f"{OWNER_RULE}, got {name!r}")
        return name or f"{topic.domain}@weir.example"
