"""Drafts of a source: its ``defs.yaml`` and the contract of its topic, ready to be edited."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import yaml
from pydantic import BaseModel

from platform_assets.connectors.operate.entries import default_of, described, models_in, type_of
from platform_assets.connectors.seam.definition import SOURCE
from platform_assets.connectors.seam.reader import Stream
from platform_assets.connectors.seam.types import ConnectorType, connector_type
from platform_assets.contracts.columns import RESERVED
from platform_assets.contracts.model import LogicalType
from platform_assets.core.naming import TopicName

TO_DO = "CHANGE_ME"
"""Stands where a person has to say something; until it is said, reading fails."""

MOMENT = "happened_at"
"""The event time of a draft whose stream has no moment."""

_PERSONAL = re.compile(
    r"e?_?mail|phone|mobile|first_?name|last_?name|surname|full_?name|birth|iban|ssn|passport|"
    r"street|address|card_?number|tax_?id"
)
_WIDTH = 90


@dataclass(frozen=True)
class StreamDraft:
    """A stream of a drafted ``defs.yaml``.

    Attributes:
        name: of the stream.
        topic: that it feeds.
        options: of the connector, as far as they are known.
        columns: contract column -> source column.
        identity: source columns that name an event.
        occurred_at: source column of the event's time; empty: none is known.
    """

    name: str
    topic: str
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=lambda: {"id": "id"})
    identity: Sequence[str] = ("id",)
    occurred_at: str = ""


def draft_contract(stream: Stream, topic: TopicName, owner: str) -> str:
    """A contract (ODCS) for a stream: an append topic, a column a field, nothing required.

    Columns whose name sounds like personal data are classified ``pii``; look at the others, too.
    """
    names = column_names(stream)
    moment = event_time(stream)
    columns: list[dict[str, Any]] = [
        {
            "name": "event_id",
            "logicalType": "string",
            "primaryKey": True,
            "description": "Identity of the event.",
        }
    ]
    for one in stream.schema:
        entry = drafted_column(stream.name, one, names[one.name])
        if one.name == moment:
            entry.pop("classification", None)
        columns.append(entry)
    if not moment:
        columns.append(
            {"name": MOMENT, "logicalType": "timestamp", "description": "When it happened (UTC)."}
        )
    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": f"weir:{topic}",
        "version": "1.0.0",
        "status": "draft",
        "domain": topic.domain,
        "team": {"name": owner},
        "description": {"purpose": stream.description or f"Rows of {stream.name}."},
        "slaProperties": [
            {"property": "freshness", "value": 60, "unit": "m"},
            {"property": "lateness", "value": 1, "unit": "d"},
        ],
        "customProperties": [
            {"property": "kind", "value": "append"},
            {"property": "eventTime", "value": names[moment] if moment else MOMENT},
        ],
        "schema": [{"name": topic.entity, "properties": columns}],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def drafted_column(stream: str, one: pa.Field, name: str) -> dict[str, Any]:
    """A contract's entry of a column, personal where its name sounds so.

    Args:
        stream: whose field it is.
        one: the field.
        name: of the column.
    """
    entry: dict[str, Any] = {
        "name": name,
        "logicalType": logical_type(one.type).value,
        "description": f"{one.name} of {stream}.",
    }
    if _PERSONAL.search(name):
        entry["classification"] = "pii"
    return entry


def draft_stream(
    kind: ConnectorType, stream: Stream, topic: TopicName, options: Mapping[str, Any]
) -> StreamDraft:
    """How a discovered stream is read and mapped."""
    names, moment = column_names(stream), event_time(stream)
    identity = list(stream.primary_key) or list(stream.schema.names)
    if stream.primary_key and moment and moment not in identity:
        # Two states of one row are two events.
        identity.append(moment)
    known = {
        "table": stream.name,
        "object": stream.name,
        "entity": stream.name,
        "cursor": moment or next(iter(stream.cursor_fields), ""),
        "key": list(stream.primary_key),
    }
    fields = kind.stream.model_fields
    guessed = {name: value for name, value in known.items() if name in fields and value}
    return StreamDraft(
        name=stream.name,
        topic=str(topic),
        options={**guessed, **options},
        columns={names[name]: name for name in stream.schema.names if name != moment},
        identity=identity,
        occurred_at=moment,
    )


def draft_definition(
    kind: ConnectorType,
    name: str,
    owner: str,
    config: Mapping[str, Any] | None = None,
    streams: Sequence[StreamDraft] = (),
) -> str:
    """A ``defs.yaml``: what must be given with a mark, what may be given as comments.

    Args:
        kind: its connector.
        name: of the source and its folder.
        owner: who answers for it.
        config: what is known of the configuration.
        streams: what is read; without any, one to be filled in.
    """
    streams = streams or (StreamDraft(TO_DO, "domain.entity"),)
    lines = [
        f"# {kind.title}: `weir connectors show {kind.name}` explains each entry.",
        f"type: {SOURCE}",
        "",
        "attributes:",
        f"  source: {name}",
        f"  connector: {kind.name}",
        f"  owner: {_flow(owner)}",
    ]
    if kind.version != connector_type(kind.name).version:
        lines += [f"  version: {_flow(kind.version)}"]
    lines += _block("config", kind.config, config or {}, 2)
    if not kind.live:
        lines += ["  # Pause between two reads.", "  every_seconds: 60"]
    lines += ["  streams:"]
    for one in streams:
        lines += [f"    - stream: {_flow(one.name)}", f"      topic: {one.topic}"]
        lines += _block("options", kind.stream, one.options, 6)
        lines += [
            "      # Columns that name an event: a row's key, and what tells its states apart."
        ]
        lines += [f"      identity: {_flow(list(one.identity))}"]
        if one.occurred_at:
            lines += [f"      occurred_at: {_flow(one.occurred_at)}"]
        else:
            lines += ["      # The column of the event's time; rows without one are quarantined."]
            lines += [f"      occurred_at: {TO_DO}"]
        lines += ["      # Column of the contract: column of the source."]
        lines += ["      columns:"]
        lines += [f"        {_flow(to)}: {_flow(of)}" for to, of in one.columns.items()]
    return "\n".join(lines) + "\n"


def event_time(stream: Stream) -> str:
    """The field that serves as event time: a moment that grows, else the first moment."""
    moments = [one.name for one in stream.schema if pa.types.is_timestamp(one.type)]
    growing = [name for name in stream.cursor_fields if name in moments]
    return next(iter([*growing, *moments]), "")


def column_names(stream: Stream) -> dict[str, str]:
    """Field -> a name that a contract takes, each once."""
    found: dict[str, str] = {}
    taken: set[str] = {"event_id", MOMENT}
    for field_name in stream.schema.names:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field_name).lower()
        plain = re.sub(r"[^a-z0-9]+", "_", snake).strip("_") or "column"
        if not plain[0].isalpha():
            plain = f"c_{plain}"
        name, number = plain, 1
        while name in taken or name in RESERVED:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        found[field_name] = name
    return found


def logical_type(kind: pa.DataType) -> LogicalType:
    """The contract's type of an Arrow type; what has none is text."""
    tests = (
        (pa.types.is_boolean, LogicalType.BOOLEAN),
        (pa.types.is_integer, LogicalType.INTEGER),
        (pa.types.is_floating, LogicalType.NUMBER),
        (pa.types.is_decimal, LogicalType.NUMBER),
        (pa.types.is_date, LogicalType.DATE),
        (pa.types.is_timestamp, LogicalType.TIMESTAMP),
    )
    return next((found for is_one, found in tests if is_one(kind)), LogicalType.STRING)


def _block(key: str, model: type[BaseModel], given: Mapping[str, Any], indent: int) -> list[str]:
    """A mapping with what is given and required, and the rest as comments."""
    pad, body = " " * indent, _fields(model, given, indent + 2)
    filled = any(line.strip() and not line.lstrip().startswith("#") for line in body)
    return [f"{pad}{key}:" if filled else f"{pad}{key}: {{}}", *body] if body else []


def _fields(model: type[BaseModel], given: Mapping[str, Any], indent: int) -> list[str]:
    pad, meanings = " " * indent, described(model)
    lines: list[str] = []
    for name, one in model.model_fields.items():
        key = one.alias or name
        kind = type_of(one.annotation)
        told = f"{kind}: {meanings[name]}" if meanings.get(name) else kind
        lines += [f"{pad}# {text}" for text in textwrap.wrap(told, _WIDTH - indent)]
        inner = models_in(one.annotation)
        if key in given:
            lines.append(f"{pad}{key}: {_flow(given[key])}")
        elif not one.is_required():
            lines.append(f"{pad}# {key}: {_flow(default_of(one))}")
        elif inner and kind == "mapping":
            lines += [f"{pad}{key}:", *_fields(inner[0], {}, indent + 2)]
        elif kind.startswith("list"):
            lines.append(f"{pad}{key}: [{TO_DO}]")
        else:
            lines.append(f"{pad}{key}: {TO_DO}")
    unknown = [name for name in given if name not in _keys(model)]
    lines += [f"{pad}{name}: {_flow(given[name])}" for name in unknown]
    return lines


def _keys(model: type[BaseModel]) -> set[str]:
    return {one.alias or name for name, one in model.model_fields.items()}


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
