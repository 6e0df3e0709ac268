"""A processor over topics of a test's own; run as a module, the process that a test kills.

Belongs here: its topics, records for them, and what it wrote. Does not belong here: any test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import polars as pl

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.envelope import micros
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, Settings, get_settings
from platform_assets.core.stopping import stopping
from platform_assets.local.wait import wait_until
from platform_assets.processors.hot.store import HotStore
from platform_assets.processors.model import FEEDBACK, Definition, Input, TextFunctions
from platform_assets.processors.run import ProcessorRun
from platform_assets.streaming.plan import Broker
from tests.connectors.scene import _body, committed
from tests.integration.lake import Lake
from tests.text_functions import WordFunctions

RATE = 400
"""Records a second of :meth:`Speed.stream`."""


def definition_of(name: str) -> Definition:
    """The processor of a test: as that of feedback, over its own topics."""
    inputs = tuple(
        replace(one, topic=TopicName("test", f"{one.topic.entity}_{name}"))
        for one in FEEDBACK.inputs
    )
    return Definition(
        name, inputs, TopicName("test", f"understood_{name}"), "team:tests", FEEDBACK.derived
    )


def contracts_of(definition: Definition) -> dict[TopicName, Contract]:
    """Its contracts: those of feedback under other names."""
    known = load_contracts()
    found = {
        mine.topic: replace(known[theirs.topic], topic=mine.topic)
        for mine, theirs in zip(definition.inputs, FEEDBACK.inputs, strict=True)
    }
    results = known[FEEDBACK.output]
    rules = tuple(rule for rule in results.rules if rule.name != "source_topic_one_of")
    found[definition.output] = replace(results, topic=definition.output, rules=rules)
    return found


@dataclass
class Speed:
    """A processor under test."""

    settings: Settings
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.definition = definition_of(self.name)
        self.contracts = contracts_of(self.definition)
        self._ids = ensure_topics(self.settings, self.contracts.values())
        self.store = HotStore(self.settings)

    @property
    def reviews(self) -> Input:
        return self.definition.inputs[0]

    @property
    def lake(self) -> Lake:
        """The batch layer over the reviews."""
        contract = self.contracts[self.reviews.topic]
        encoder = Encoder(contract, self._ids[contract.topic], "test")
        return Lake(self.settings, contract, encoder, Broker(self.settings))

    def review(
        self, event_id: str, text: str, at: datetime | None = None, rating: int = 3
    ) -> Record:
        """A review; ``rating`` 9 breaks a rule."""
        return self._record(
            self.reviews.topic, event_id, at,
            review_id=f"R-{event_id}", user_id=1, product_id=2, rating=rating, language="en",
            text=text,
        )  # fmt: skip

    def ticket(self, event_id: str, text: str, priority: str) -> Record:
        return self._record(
            self.definition.inputs[1].topic, event_id, None,
            ticket_id=f"T-{event_id}", user_id=1, email="a@b.example", language="en",
            channel="chat", priority=priority, subject="Order", body=text,
        )  # fmt: skip

    def garbage(self, key: str) -> Record:
        """A record that is not Avro."""
        return Record(str(self.reviews.topic), key.encode(), b"no frame")

    def send(self, records: list[Record]) -> None:
        with LogProducer(self.settings, linger_ms=5) as producer:
            producer.send_all(records)

    def run(self, functions: TextFunctions | None = None, **options: Any) -> ProcessorRun:
        """The processor in this process."""
        chosen = functions or WordFunctions()
        return ProcessorRun(self.settings, self.definition, chosen, self.contracts, **options)

    def run_until(
        self, enough: Any, seconds: float = 30, functions: TextFunctions | None = None
    ) -> None:
        """Run it here until a condition holds."""
        run, end = self.run(functions), datetime.now(UTC).timestamp() + seconds
        for _ in run.steps():
            if enough():
                run.stop()
            assert datetime.now(UTC).timestamp() < end, "the processor does not come to an end"

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        """The processor in a process of its own; killed at the end."""
        environment = {
            **os.environ,
            "WEIR_HOME": str(self.settings.home),
            "WEIR_PORT_BASE": str(self.settings.postgres_port - 4),
            "PYTHONPATH": str(REPOSITORY),
        }
        command = [sys.executable, "-m", "tests.integration.speed", self.name]
        process = subprocess.Popen(command, env=environment, cwd=Path(REPOSITORY))
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)

    def assert_exact(self, good: Sequence[str], bad: Sequence[str]) -> None:
        """Wait for all that was sent, and see that each record has counted once.

        Args:
            good: event of each record that can be understood; some twice.
            bad: of each that is garbage.
        """
        wanted = set(good)
        with self.process() as process:
            wait_until(lambda: self.stored() >= len(wanted), what="all rows", timeout=60)
            wait_until(lambda: len(self.letters()) >= len(bad), what="all letters", timeout=20)
            process.terminate()
            assert process.wait(20) == 0  # drained
        places = Counter((one["source_partition"], one["source_offset"]) for one in self.results())
        assert len(places) == len(good)
        assert set(places.values()) == {1}
        assert len(self.letters()) == len({key for key, _ in self.letters()}) == len(bad)
        assert [row[0] for row in self.rows()] == sorted(wanted)
        assert self.summed() == len(wanted)

    @contextmanager
    def stream(self, count: int) -> Iterator[tuple[threading.Event, list[str], list[str]]]:
        """Send records at a steady pace meanwhile, garbage and repetitions among them.

        Gives an event that is set when all are sent, and the two lists of :meth:`assert_exact`.
        """
        good: list[str] = []
        bad: list[str] = []
        sent = threading.Event()

        def send() -> None:
            for number in range(count):
                if number % 50 == 0:
                    time.sleep(50 / RATE)  # the pace of a stream: there is nothing to wait for
                event = f"e{number - 1 if number % 20 == 19 else number}"
                garbage = number % 100 == 7
                (bad if garbage else good).append(event)
                record = self.garbage(f"g{number}") if garbage else self.review(event, "good")
                producer.send(record)
                producer.poll()
            sent.set()

        with LogProducer(self.settings, linger_ms=5) as producer:
            sender = threading.Thread(target=send)
            sender.start()
            yield sent, good, bad
            sender.join()

    def results(self) -> list[dict[str, Any]]:
        """What it wrote to the log, committed."""
        schema = fastavro.parse_schema(value_schema(self.contracts[self.definition.output]))
        return [
            fastavro.schemaless_reader(_body(value), schema, schema)["after"]
            for partition in range(self.contracts[self.definition.output].topic_policy.partitions)
            for _, value, _ in committed(self.settings, str(self.definition.output), partition)
        ]

    def letters(self) -> list[tuple[bytes, dict[str, str]]]:
        """Its dead letters: key and headers."""
        return [
            (key, {name: text.decode() for name, text in headers})
            for key, _, headers in committed(self.settings, self.definition.output.dead_letters)
        ]

    def stored(self) -> int:
        """Rows in the hot path."""
        return len(self.rows())

    def rows(self) -> list[tuple[Any, ...]]:
        """Rows of the hot path: event, sentiment, route."""
        topics = [str(one.topic) for one in self.definition.inputs]
        with self.store.database.borrow() as connection:
            return connection.execute(
                "SELECT source_event_id, sentiment, route FROM understood"
                " WHERE source_topic = ANY(%s) ORDER BY 1",
                (topics,),
            ).fetchall()

    def summed(self) -> int:
        """Sum of the minutes."""
        topics = [str(one.topic) for one in self.definition.inputs]
        with self.store.database.borrow() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(texts), 0) FROM understood_minute"
                " WHERE source_topic = ANY(%s)",
                (topics,),
            ).fetchone()
        return int(row[0]) if row else 0

    def _record(self, topic: TopicName, event_id: str, at: datetime | None, **after: Any) -> Record:
        contract = self.contracts[topic]
        encoder = Encoder(contract, self._ids[topic], "test")
        moment = micros(at or datetime.now(UTC))
        value = encoder.encode(
            {
                "event_id": event_id,
                "source": "test",
                "entity": topic.entity,
                "op": "c",
                "occurred_at": moment,
                "ingested_at": moment,
                "before": None,
                "after": after,
            }
        )
        return Record(str(topic), event_id.encode(), value)


def hot_rows(topic: str, **changes: Any) -> pl.DataFrame:
    """A row of the hot path, of a text written now; ``changes`` to its columns."""
    now = datetime.now(UTC)
    row = {
        "day": now.date(), "event_id": uuid.uuid4().hex, "occurred_at": now, "source_topic": topic,
        "source_event_id": "e", "source_partition": 0, "source_offset": 0, "arrived_at": now,
        "characters": 4, "language": "en", "language_confidence": 1.0, "sentiment": "neutral",
        "intensity": 0.5, "route": "quick", "entities": "[]", "functions": "words-1",
        "log_partition": 0, "log_offset": 0,
    }  # fmt: skip
    return pl.DataFrame([{**row, **changes}])


def main(name: str) -> None:
    """Run the processor of a test until told to end."""
    definition = definition_of(name)
    run = ProcessorRun(
        get_settings(), definition, WordFunctions(), contracts_of(definition), most=50
    )
    with stopping() as stop:
        for _ in run.steps():
            if stop.is_set():
                run.stop()


if __name__ == "__main__":
    main(sys.argv[1])
