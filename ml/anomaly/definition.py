"""Which streams are watched: one YAML file each, below ``streams/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ml.anomaly.errors import AnomalyError
from ml.anomaly.incidents import Rule
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, LogicalType, TopicKind
from platform_assets.core.broken import Loaded, load_each
from platform_assets.core.naming import OWNER_RULE, TopicName, is_owner
from platform_assets.core.yaml_lines import Document, read

STREAMS = Path(__file__).with_name("streams")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Aggregate = Literal["mean", "min", "max", "sum", "count"]
FILLED: frozenset[str] = frozenset({"sum", "count"})
"""Aggregates of which an interval without rows has a value: 0."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Signal(_Strict):
    """One number that a stream gives an interval.

    Attributes:
        name: unique in the stream.
        aggregate: how an interval's rows become one value.
        column: of the silver table; not for ``count``.
        unit: for people.
    """

    name: Name
    aggregate: Aggregate = "mean"
    column: str = ""
    unit: str = ""

    @model_validator(mode="after")
    def _column_or_count(self) -> Signal:
        if (self.aggregate == "count") == bool(self.column):
            raise ValueError("`column` is needed, but for `aggregate: count`, which has none")
        return self


class Telling(_Strict):
    """When an incident opens, is told again and ends; see :class:`.incidents.Rule`."""

    open_after: int = Field(default=1, ge=1)
    recover_after_minutes: float = Field(default=60.0, gt=0)
    update_every_minutes: float = Field(default=15.0, ge=0)
    worse_by: float = Field(default=1.5, gt=1)

    def rule(self) -> Rule:
        """As the state machine takes it."""
        return Rule(
            self.open_after,
            self.recover_after_minutes * 60.0,
            self.update_every_minutes * 60.0,
            self.worse_by,
        )


class Stream(_Strict):
    """A silver table's rows as series, and what to do about their anomalies.

    Attributes:
        name: the file's name without its suffix.
        title: for people.
        table: ``domain.entity`` of an append topic.
        key: column of which each value is a series; empty: all rows are one.
        interval_minutes: length of an interval; each gives a point a signal.
        grace_minutes: how far event time must have passed an interval's end before it is scored.
            Rows that come later are counted, not scored.
        signals: each has a detector of its own for each series.
        label: column that is not null in known anomalies; empty: there is none.
        owner: who is told.
        severity: how much an incident matters.
        rate: wanted share of ordinary points above the threshold, for each signal.
        warm_up: scores that set a signal's first threshold; until then nothing is strange.
        history_days: how much of the past teaches a new series or a new model.
        rule: when to tell.
    """

    name: Name
    title: str = Field(min_length=1)
    table: str
    key: str = ""
    interval_minutes: int = Field(default=15, ge=1, le=1440)
    grace_minutes: int = Field(default=5, ge=0, le=1440)
    signals: tuple[Signal, ...] = Field(min_length=1)
    label: str = ""
    owner: str
    severity: Literal["info", "warning", "error"] = "warning"
    rate: float = Field(default=1e-3, gt=0, lt=0.02)
    warm_up: int = Field(default=500, ge=200)
    history_days: int = Field(default=56, ge=1, le=366)
    rule: Telling = Telling()

    @field_validator("table")
    @classmethod
    def _is_topic(cls, value: str) -> str:
        return str(TopicName.parse(value))

    @field_validator("owner")
    @classmethod
    def _is_owner(cls, value: str) -> str:
        if not is_owner(value):
            raise ValueError(OWNER_RULE)
        return value

    @model_validator(mode="after")
    def _names_differ(self) -> Stream:
        names = [signal.name for signal in self.signals]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"signal {', '.join(twice)} is listed twice")
        return self

    @property
    def topic(self) -> TopicName:
        """The topic whose silver table is read."""
        return TopicName.parse(self.table)

    @property
    def model(self) -> str:
        """Its model in the registry."""
        return f"anomaly-{self.name}"

    @property
    def interval(self) -> float:
        """Seconds of an interval."""
        return self.interval_minutes * 60.0

    def signal(self, name: str) -> Signal:
        """The signal of that name."""
        return next(one for one in self.signals if one.name == name)


def load_streams(folder: Path | None = None) -> Loaded[str, Stream]:
    """Every definition of a folder that can be used, by name.

    One that cannot be used stops no other: it is in ``broken``, and asking for it by its name
    raises its error.
    """
    paths = sorted((folder or STREAMS).glob("*.yaml"))
    return load_each("anomaly stream", paths, lambda path: (path.stem, load_stream(path)))


def load_stream(path: Path) -> Stream:
    """Read one definition and check it against the contract of its table.

    Raises:
        AnomalyError: it is not YAML, breaks a rule, or names what the table does not have.
    """
    document = read(path, AnomalyError, malformed="no YAML")
    if not isinstance(document.data, dict):
        raise AnomalyError(f"{path}:1: not a mapping", "start with title, table, signals …")
    try:
        stream = Stream.model_validate({**document.data, "name": path.stem})
    except ValidationError as error:
        raise AnomalyError("\n".join(_explain(document, e) for e in error.errors())) from error
    _hold_against_contract(document, stream)
    return stream


def _explain(document: Document, error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{document.where(error['loc'])}: {f'{place}: ' if place else ''}{message}"


def _hold_against_contract(document: Document, stream: Stream) -> None:
    contracts = load_contracts()

    def refuse(place: tuple[str | int, ...], message: str, hint: str) -> AnomalyError:
        return AnomalyError(f"{document.where(place)}: {message}", hint)

    contract = contracts.get(stream.topic)
    if contract is None or contract.kind is not TopicKind.APPEND:
        known = ", ".join(str(t) for t, c in contracts.items() if c.kind is TopicKind.APPEND)
        raise refuse(("table",), f"no append topic {stream.table}", f"topics: {known}")
    for field in ("key", "label"):
        column = getattr(stream, field)
        if column and column not in _columns(contract):
            raise refuse((field,), f"{stream.table} has no column {column!r}", _known(contract))
    for number, signal in enumerate(stream.signals):
        kind = _columns(contract).get(signal.column)
        if signal.column and kind not in {LogicalType.NUMBER, LogicalType.INTEGER}:
            found = f"is of type {kind}" if kind else "does not exist"
            raise refuse(
                ("signals", number, "column"),
                f"{stream.table}: column {signal.column!r} {found}, expected a number",
                _known(contract),
            )


def _columns(contract: Contract) -> dict[str, LogicalType]:
    return {column.name: column.type for column in contract.columns}


def _known(contract: Contract) -> str:
    return f"columns: {', '.join(_columns(contract))}"
