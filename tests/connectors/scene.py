"""A source of a test's own: its folder, its contract, and what it put into the log.

Belongs here: making a source folder and reading the topic back. Does not belong here: any test,
any peer.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import yaml
from confluent_kafka import Consumer, KafkaError, TopicPartition

from platform_assets import sources
from platform_assets.connectors.kafka import client_config
from platform_assets.connectors.seam.definition import SourceDefinition, load_sources
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

Fields = dict[str, str]
"""Column -> logical type."""


@dataclass
class Scene:
    """A source in a folder of its own."""

    settings: Settings
    name: str
    topic: TopicName

    @property
    def source(self) -> SourceDefinition:
        return load_sources()[self.name]

    def events(self) -> list[dict[str, Any]]:
        """The committed envelopes of the topic, in the order of each partition."""
        schema = fastavro.parse_schema(value_schema(load_contracts()[self.topic]))
        return [
            fastavro.schemaless_reader(_body(value), schema, schema)
            for _, value, _ in committed(self.settings, str(self.topic))
        ]

    def rows(self) -> list[dict[str, Any]]:
        """The ``after`` images."""
        return [one["after"] for one in self.events()]

    def letters(self) -> list[tuple[bytes, dict[str, str]]]:
        """Dead letters: what was refused, and the headers."""
        return [
            (value, {name: text.decode() for name, text in headers})
            for _, value, headers in committed(self.settings, self.topic.dead_letters)
        ]


@contextmanager
def new_source(
    settings: Settings,
    folder: Path,
    connector: str,
    *,
    config: dict[str, Any],
    options: dict[str, Any],
    fields: Fields,
    stream: str = "rows",
    key: str = "id",
    identity: list[str] | None = None,
    columns: dict[str, Any] | None = None,
    **more: Any,
) -> Iterator[Scene]:
    """A source ``<connector>_<random>`` with one stream and one append topic.

    Args:
        settings: of the servers.
        folder: an empty folder.
        connector: type.
        config: of the connector.
        options: of its stream.
        fields: of the contract; ``occurred_at`` is added.
        stream: its name.
        key: the source column that identifies a row.
        identity: other than ``[key]``.
        columns: other than each field by its own name.
        more: further entries of the stream, e.g. ``occurred_at``.
    """
    name = f"{connector}_{uuid.uuid4().hex[:8]}"
    topic = TopicName("test", name)
    home = folder / name
    home.mkdir(parents=True)
    (home / f"{topic}.yaml").write_text(yaml.safe_dump(contract(topic, fields), sort_keys=False))
    entry = {
        "stream": stream,
        "topic": str(topic),
        "options": options,
        "identity": identity or [key],
        "columns": columns or {field: field for field in fields},
        **more,
    }
    if "mapping" in more:
        (home / "mapping.jsonata").write_text(more["mapping"])
        entry = {k: v for k, v in entry.items() if k not in ("columns", "identity")}
        entry["mapping"] = "mapping.jsonata"
    text = {
        "type": "platform_assets.graph.sources.Source",
        "attributes": {
            "source": name,
            "connector": connector,
            "owner": "team:tests",
            "config": config,
            "streams": [entry],
        },
    }
    (home / "defs.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    path = list(sources.__path__)
    sources.__path__.append(str(folder))
    load_contracts.cache_clear()
    try:
        yield Scene(settings, name, topic)
    finally:
        sources.__path__[:] = path
        load_contracts.cache_clear()


def contract(topic: TopicName, fields: Fields) -> dict[str, Any]:
    """A contract of an append topic, as its file has it."""
    properties: list[dict[str, Any]] = [
        {"name": "event_id", "logicalType": "string", "primaryKey": True, "description": "Id."},
        *(
            {"name": name, "logicalType": kind, "description": f"The {name}."}
            for name, kind in fields.items()
        ),
        {"name": "happened_at", "logicalType": "timestamp", "description": "When."},
    ]
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": f"weir:{topic}",
        "version": "1.0.0",
        "status": "active",
        "domain": topic.domain,
        "team": {"name": "team:tests"},
        "description": {"purpose": "A test's topic.", "usage": "None."},
        "slaProperties": [
            {"property": "freshness", "value": 1, "unit": "d"},
            {"property": "lateness", "value": 1, "unit": "d"},
        ],
        "customProperties": [
            {"property": "kind", "value": "append"},
            {"property": "eventTime", "value": "happened_at"},
            {"property": "partitions", "value": 1},
        ],
        "schema": [{"name": topic.entity, "properties": properties}],
    }


def committed(
    settings: Settings, topic: str, partition: int = 0
) -> list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]]:
    """Key, value and headers of all committed records of one partition of a topic."""
    consumer = Consumer(
        {
            **client_config(settings),
            "group.id": f"test-{uuid.uuid4().hex}",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0)])
    found: list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]] = []
    try:
        while True:
            message = consumer.poll(30)
            assert message is not None, f"{topic}: nothing in 30 s"
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                return found
            headers = [(name, bytes(value)) for name, value in message.headers() or []]
            found.append((message.key(), message.value() or b"", headers))
    finally:
        consumer.close()


def _body(value: bytes) -> io.BytesIO:
    """The body of a framed value."""
    assert value[:1] == b"\0", "framed"
    return io.BytesIO(value[5:])


def as_json(value: Any) -> Any:
    """What JSON makes of it."""
    return json.loads(json.dumps(value, default=str))
