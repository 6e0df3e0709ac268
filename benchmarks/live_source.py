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
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, Settings, get_settings
from tests.connectors.scene import contract

SOURCE = "bench_live"
TOPIC = "bench.live"
STREAM = "rows"


def write_source(
    folder: Path, connector: str, config: Mapping[str, Any], stream: Mapping[str, Any]
) -> None:
    """Write a source with one stream and its contract: a number, a text, a moment."""
    home = folder / SOURCE
    home.mkdir(parents=True, exist_ok=True)
    fields = {"number": "integer", "city": "string"}
    text = yaml.safe_dump(contract(TopicName.parse(TOPIC), fields), sort_keys=False)
    (home / f"{TOPIC}.yaml").write_text(text)
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
