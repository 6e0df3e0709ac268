"""Sources of any connector, read from their ``defs.yaml``; the rules that it obeys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from platform_assets.connectors.definitions import (
    checked,
    fields_of,
    is_of_type,
    load_of_type,
    wrong,
)
from platform_assets.connectors.mapping import compiled
from platform_assets.connectors.seam.closed import Closed
from platform_assets.connectors.seam.cost import Prices
from platform_assets.connectors.seam.evolution import Evolution
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.connectors.seam.rules import Rule
from platform_assets.connectors.seam.types import ConnectorType, connector_type
from platform_assets.core.broken import Loaded
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import OWNER_RULE, SOURCE_NAME, TopicName, is_owner
from platform_assets.core.yaml_lines import Document

SOURCE = "platform_assets.graph.sources.Source"
"""The component type of a source, as its ``defs.yaml`` names it."""

_DAY = 86_400


class StreamFields(BaseModel):
    """One stream of a source: what it feeds, and how its rows become events.

    Attributes:
        stream: as the connector names it (see ``weir sources discover``).
        topic: that it feeds; its contract says the columns.
        options: of the connector, for this stream.
        columns: contract column -> source column, or a rule; the others are null.
        identity: source columns (or rules) whose values name the event: those of a row's key, and
            what tells two states of it apart, e.g. ``[id, updated_at]``.
        occurred_at: source column (or rule) of the event's time.
        op: what happened: ``c`` created, ``u`` updated, ``d`` deleted, ``r`` read.
        conflicts: whether a row whose id said something else before is refused; costs a look-up a
            page. Without, the first one stays, and nobody is told.
        evolution: what happens where columns are new or missing, or of another type.
        mapping: JSONata file in the source's folder, instead of ``columns``.
    """

    model_config = ConfigDict(extra="forbid")

    stream: str = Field(min_length=1)
    topic: str
    options: Mapping[str, Any] = Field(default_factory=dict)
    columns: Mapping[str, str | Rule] = Field(default_factory=dict)
    identity: Sequence[str | Rule] = ()
    occurred_at: str | Rule | None = None
    op: str | Rule = Rule(constant="c")
    conflicts: bool = False
    evolution: Evolution = Evolution()
    mapping: str = ""

    @field_validator("topic")
    @classmethod
    def _is_topic(cls, value: str) -> str:
        TopicName.parse(value)
        return value

    @field_validator("op")
    @classmethod
    def _is_op(cls, value: str | Rule) -> str | Rule:
        return Rule(constant=value) if value in ("c", "u", "d", "r") else value

    @model_validator(mode="after")
    def _one_mapping(self) -> StreamFields:
        if bool(self.mapping) == bool(self.columns):
            raise ValueError("expected either `columns` or `mapping`")
        if self.columns and not self.identity:
            raise ValueError("expected `identity`: the columns that name an event")
        if self.mapping and self.conflicts:
            raise ValueError("expected `columns`: `conflicts` are not found under a `mapping`")
        if self.mapping and "evolution" in self.model_fields_set:
            raise ValueError("expected `columns`: under a `mapping` no column is new or missing")
        if self.mapping and PurePosixPath(self.mapping).name != self.mapping:
            raise ValueError("expected `mapping` to be the name of a file in the source's folder")
        return self


class SourceFields(BaseModel):
    """The attributes of a source: all there is to say about it.

    Attributes:
        source: the instance's name, which is its folder's.
        connector: its type; see ``weir connectors``. ``sql@1`` pins a version.
        owner: who answers for it.
        config: of the connector; secrets by name only.
        streams: what is read.
        every_seconds: pause between two reads of a source that is polled.
        closed: times in which it is not read.
        version: of the connector type, where it is pinned; by default the newest that is here.
        cost: what its use is charged, and a budget.
        group, description: shown with the asset.
    """

    model_config = ConfigDict(extra="forbid")

    source: str = Field(pattern=f"^{SOURCE_NAME}$")
    connector: str
    owner: str
    config: Mapping[str, Any] = Field(default_factory=dict)
    streams: Sequence[StreamFields] = Field(min_length=1)
    every_seconds: float = Field(default=60.0, ge=0.1, le=_DAY, allow_inf_nan=False)
    closed: Sequence[Closed] = ()
    version: str = ""
    cost: Prices | None = None
    group: str = Field(default="sources", pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        # YAML takes 2 for a number.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("owner")
    @classmethod
    def _is_owner(cls, value: str) -> str:
        if not is_owner(value):
            raise ValueError(f"{OWNER_RULE}, got {value!r}")
        return value

    @model_validator(mode="after")
    def _each_once(self) -> SourceFields:
        names = [one.stream for one in self.streams]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"streams: {', '.join(twice)}: given twice")
        return self


def named_by(stream: StreamFields) -> set[str]:
    """The source's columns that a stream's mapping reads, for whatever."""
    given = (*stream.columns.values(), *stream.identity, stream.op)
    rules = (*given, stream.occurred_at) if stream.occurred_at is not None else given
    return {name for rule in rules for name in Rule.of(rule).names()}


@dataclass(frozen=True)
class SourceDefinition:
    """A source that can be opened.

    Attributes:
        fields: as its ``defs.yaml`` says.
        type: of its connector.
        config: checked by the type.
        options: stream -> its options, checked by the type.
        folder: of its ``defs.yaml``.
    """

    fields: SourceFields
    type: ConnectorType
    config: BaseModel
    options: Mapping[str, BaseModel]
    folder: Path

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.fields.source

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it feeds."""
        return tuple(dict.fromkeys(one.topic for one in self.fields.streams))

    def stream(self, name: str) -> StreamFields:
        """A stream by its name.

        Raises:
            ConnectorError: there is none.
        """
        for one in self.fields.streams:
            if one.stream == name:
                return one
        known = ", ".join(one.stream for one in self.fields.streams)
        raise ConnectorError(f"source {self.name}: no stream {name!r}", f"streams: {known}")


def load_sources() -> Loaded[str, SourceDefinition]:
    """The sources that can be used, by name; ``broken`` holds the others."""
    return load_of_type(SOURCE, read_source)


def load_prices() -> dict[str, Prices]:
    """The prices of the sources that state some, by source; opens no connector."""
    fields = load_of_type(SOURCE, _fields)
    return {name: one.cost for name, one in fields.items() if one.cost is not None}


def is_source(document: Document) -> bool:
    """Whether a document of a ``defs.yaml`` describes a source of a connector."""
    return is_of_type(document, SOURCE)


def read_source(document: Document) -> SourceDefinition:
    """The source that a ``defs.yaml`` describes.

    Raises:
        SourceError: an entry is missing, unknown or wrong; names file, line and rule.
    """
    fields = _fields(document)
    folder = document.path.parent
    try:
        kind = connector_type(fields.connector, fields.version)
    except ConnectorError as error:
        entry = "version" if fields.version else "connector"
        raise wrong(document, (entry,), error.message, error.hint) from error
    config = checked(document, kind.config, fields.config, ("config",))
    if fields.cost and fields.cost.per_request is not None and not kind.counts_requests:
        raise wrong(
            document, ("cost", "per_request"), f"requests of {kind.name} are not counted",
            "state what it costs per_gigabyte, per_hour or per_month",
        )  # fmt: skip
    options: dict[str, BaseModel] = {}
    for number, stream in enumerate(fields.streams):
        place = ("streams", number)
        options[stream.stream] = checked(document, kind.stream, stream.options, (*place, "options"))
        if getattr(options[stream.stream], "bulk_over", None) is not None and (
            stream.mapping or stream.conflicts
        ):
            other = "mapping" if stream.mapping else "conflicts"
            raise wrong(
                document, (*place, "options", "bulk_over"), f"it stands beside `{other}`",
                "leave one of them out: bulk files are mapped by whole columns, and their rows "
                "are not looked up one by one",
            )  # fmt: skip
        if stream.mapping:
            try:
                compiled(fields.source, folder / stream.mapping)
            except WeirError as error:
                raise wrong(document, (*place, "mapping"), error.message, error.hint) from error
    return SourceDefinition(fields, kind, config, options, folder)


def _fields(document: Document) -> SourceFields:
    return fields_of(document, SourceFields, "a source", "name a secret instead")
