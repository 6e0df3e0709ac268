"""What a contract says, as plain typed values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum

from platform_assets.core.naming import TableName, TopicName


class LogicalType(StrEnum):
    """ODCS logical types that Weir supports, with their engine types.

    string (String), integer (64 bit), number (64-bit float), boolean, date,
    timestamp (microseconds, UTC).
    """

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"


class TopicKind(StrEnum):
    """``append``: each record is a fact; ``change``: each record changes an entity."""

    APPEND = "append"
    CHANGE = "change"


class BadRow(StrEnum):
    """What a row that breaks a rule does: goes to quarantine, or fails its batch."""

    QUARANTINE = "quarantine"
    FAIL = "fail"


@dataclass(frozen=True)
class Column:
    """One column of a silver table.

    Attributes:
        name: column name.
        type: logical type.
        description: what it holds, with unit.
        source: ``payload`` (a field of the envelope's ``after``), or the envelope's field
            ``event_id`` or ``occurred_at``.
        pii: whether analysts must not see it.
        unit: what a number is measured in: an ISO 4217 code, ``kW``, ``ms``; empty: a bare number.
        unit_column: the column that holds the unit of each row, where it differs.
        inbound: what a personal text becomes before it reaches the log: ``hash``, ``mask``, or
            empty: it is kept.
    """

    name: str
    type: LogicalType
    description: str
    source: str = "payload"
    pii: bool = False
    unit: str = ""
    unit_column: str = ""
    inbound: str = ""


@dataclass(frozen=True)
class Condition:
    """``column`` equals ``equals``; the guard of a conditional rule."""

    column: str
    equals: str | int | float | bool


@dataclass(frozen=True)
class Rule:
    """A row rule: a row breaks it when the check is false (null passes all but ``not_null``).

    Attributes:
        name: unique in the contract; written to the quarantine row.
        check: ``not_null``, ``one_of``, ``between``, ``matches`` (regular expression, whole
            value) or ``not_after_arrival`` (event time at most ``maximum`` seconds past the
            broker's time).
        column: the column looked at.
        values: for ``one_of``.
        minimum, maximum: inclusive bounds for ``between``, either may be None; for
            ``not_after_arrival`` the tolerance in seconds.
        exclusive_minimum: ``between``: the value must be above ``minimum``.
        pattern: for ``matches``.
        when: the rule holds only for rows that meet this condition.
    """

    name: str
    check: str
    column: str
    values: tuple[str | int | float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    pattern: str | None = None
    when: Condition | None = None


@dataclass(frozen=True)
class TopicPolicy:
    """How the topic is made on the broker (LogAppendTime always)."""

    partitions: int = 2
    retention_hours: int = 168


@dataclass(frozen=True)
class Maintenance:
    """Maintenance policy of the contract's tables.

    Attributes:
        optimize_after_days: compact closed event days older than this.
        vacuum_hours: delete unreferenced files older than this.
        quarantine_days, bronze_days: retention of rows; None keeps them for ever.
    """

    optimize_after_days: int = 1
    vacuum_hours: int = 168
    bronze_days: int | None = None
    quarantine_days: int | None = 90


@dataclass(frozen=True)
class Contract:
    """One topic's contract: its silver table(s), rules and policies.

    Attributes:
        topic: ``domain.entity``.
        kind: append or change.
        columns: the silver table's business columns, in order.
        key: columns that identify a row (append: the deduplication key; change: the entity).
        event_time: the timestamp column from which ``event_date`` (UTC) is taken.
        rules: row rules, in order; a row's first broken rule names its rejection.
        bad_row: quarantine or fail.
        quarantine_threshold: greatest share (0..1) of a batch that may break rules;
            past it the batch fails before anything is published.
        threshold_min_records: the threshold acts on batches of at least this many records.
        window_seconds: length of a partition (window of micro-batches).
        lateness_seconds: a row is late when it arrives after its partition's watermark
            (greatest event time so far) has passed it by more than this.
        fresh_within_minutes: freshness policy of the silver table.
    """

    topic: TopicName
    version: str
    kind: TopicKind
    description: str
    owner: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    event_time: str
    rules: tuple[Rule, ...]
    path: str
    bad_row: BadRow = BadRow.QUARANTINE
    quarantine_threshold: float = 0.5
    threshold_min_records: int = 100
    window_seconds: int = 3600
    lateness_seconds: int = 3600
    fresh_within_minutes: int = 60
    topic_policy: TopicPolicy = field(default_factory=TopicPolicy)
    maintenance: Maintenance = field(default_factory=Maintenance)

    @property
    def payload_columns(self) -> tuple[Column, ...]:
        """Columns that the record's payload carries."""
        return tuple(column for column in self.columns if column.source == "payload")

    @property
    def tables(self) -> tuple[TableName, ...]:
        """Every table that comes from the topic."""
        history = (self.topic.history,) if self.kind is TopicKind.CHANGE else ()
        return (self.topic.bronze, self.topic.silver, *history, self.topic.quarantine)

    @property
    def published_table(self) -> TableName:
        """The table with a row for each published record: of a change topic its history."""
        return self.topic.history if self.kind is TopicKind.CHANGE else self.topic.silver

    @property
    def fingerprint(self) -> str:
        """Hash of all that the contract says, its place on disk aside: 16 hex digits."""
        return hashlib.sha256(repr(replace(self, path="")).encode()).hexdigest()[:16]

    def column(self, name: str) -> Column:
        """Find a column.

        Raises:
            KeyError: no such column; names the contract.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"contract {self.topic}: no column {name!r}")
