"""A source of a bench: its folder, the process that reads it, and what it put into the log.

Belongs here: what the benches of live connectors share. Does not belong here: any one connector.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from confluent_kafka import Consumer, TopicPartition

from platform_assets import sources
from platform_assets.connectors.kafka import client_config
from platform_assets.connectors.seam.definition import SourceDefinition, load_sources
from platform_assets.connectors.seam.run import SourceLoop
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import REPOSITORY, Settings, get_settings

SOURCE = "bench_live"
TOPIC = "bench.live"
STREAM = "rows"


def write_source(
    folder: Path, connector: str, config: Mapping[str, Any], stream: Mapping[str, Any]
) -> None:
    """Write a source with one stream and its contract: a number, a text, a moment."""
    home = folder / SOURCE
    home.mkdir(parents=True, exist_ok=True)
    columns = [("number", "integer"), ("city", "string"), ("happened_at", "timestamp")]
    contract = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": f"weir:{TOPIC}",
        "version": "1.0.0",
        "status": "active",
        "domain": "bench",
        "team": {"name": "team:bench"},
        "description": {"purpose": "A bench's topic.", "usage": "None."},
        "slaProperties": [
            {"property": "freshness", "value": 1, "unit": "d"},
            {"property": "lateness", "value": 1, "unit": "d"},
        ],
        "customProperties": [
            {"property": "kind", "value": "append"},
            {"property": "eventTime", "value": "happened_at"},
            {"property": "partitions", "value": 1},
        ],
        "schema": [
            {
                "name": "live",
                "properties": [
                    {
                        "name": "event_id",
                        "logicalType": "string",
                        "primaryKey": True,
                        "description": "Id.",
                    },
                    *(
                        {"name": name, "logicalType": kind, "description": name}
                        for name, kind in columns
                    ),
                ],
            }
        ],
    }
    (home / f"{TOPIC}.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    definition = {
        "type": "platform_assets.graph.sources.Source",
        "attributes": {
            "source": SOURCE,
            "connector": connector,
            "owner": "team:bench",
            "config": dict(config),
            "streams": [
                {
                    "stream": STREAM,
                    "topic": TOPIC,
                    "columns": {"number": "number", "city": "city"},
                    "occurred_at": "_received_at",
                    **stream,
                }
            ],
        },
    }
    (home / "defs.yaml").write_text(yaml.safe_dump(definition, sort_keys=False))


def source_in(folder: Path) -> SourceDefinition:
    """The source, for this process."""
    sources.__path__.append(str(folder))
    load_contracts.cache_clear()
    return load_sources()[SOURCE]


@contextmanager
def reading(folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads the source as the sources run does, until the end of the block."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live_source", str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(90)


def event_ids(settings: Settings) -> list[bytes]:
    """The keys of all committed events: their ids."""
    consumer = Consumer(
        {
            **client_config(settings),
            "group.id": "bench-live",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    try:
        place = TopicPartition(TOPIC, 0, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=30)
        consumer.assign([place])
        found: list[bytes] = []
        # The last offset is the marker of a transaction: no message comes for it.
        while consumer.position([place])[0].offset < end:
            for message in consumer.consume(10_000, timeout=1.0):
                assert message.error() is None, message.error()
                found.append(message.key() or b"")
        return found
    finally:
        consumer.close()


def _main() -> None:
    loop = SourceLoop(get_settings(), {SOURCE: source_in(Path(sys.argv[1]))})
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()
        loop.stop()

    signal.signal(signal.SIGTERM, end)
    for told in loop.steps(1.0):
        if told is not None and told.outcome.error:
            print(told.outcome.error, flush=True)


if __name__ == "__main__":
    _main()
