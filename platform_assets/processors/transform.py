"""What a processor makes of records: results, and dead letters for what it cannot read."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from platform_assets.connectors.avro_codec import Columns, Encoder
from platform_assets.connectors.envelope import event_id, now_micros
from platform_assets.connectors.produce import Record
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.engines.registry import Lookup
from platform_assets.processors.model import Definition, Input, TextFunctions
from platform_assets.processors.records import Judge, Taken, dead_letter
from platform_assets.processors.understand import (
    Text,
    Understood,
    Unreadable,
    understand_each,
)


@dataclass(frozen=True)
class Transformed:
    """What became of a batch: ``taken`` = results + ``rejected`` + ``dead_letters``.

    Attributes:
        records: for the log: results, then dead letters.
        taken: records that came in.
        results: texts that were understood.
        routed: those of them that took the costly step.
        rejected: records that break a rule of their contract.
        dead_letters: records that cannot be read.
        seconds: spent on it.
        functions_seconds: of them in the text functions.
    """

    records: list[Record]
    taken: int
    results: int
    routed: int
    rejected: int
    dead_letters: int
    seconds: float
    functions_seconds: float


@dataclass(frozen=True)
class _Row:
    """A text and the record that it is of."""

    message: Taken
    topic: str
    event_id: str
    occurred_at: int
    text: Text


class Transformer:
    """Makes results of records; for one thread.

    Args:
        definition: the processor.
        contracts: of its inputs and its output.
        functions: over texts.
        lookup: of writer schemas.
        schema_id: of the output's schema in the registry.
    """

    def __init__(
        self,
        definition: Definition,
        contracts: Mapping[TopicName, Contract],
        functions: TextFunctions,
        lookup: Lookup,
        schema_id: int,
    ) -> None:
        self._definition, self._functions = definition, functions
        self._inputs = {str(one.topic): one for one in definition.inputs}
        self._contracts = {name: contracts[one.topic] for name, one in self._inputs.items()}
        self._judges = {name: Judge(one, lookup) for name, one in self._contracts.items()}
        self._output = contracts[definition.output]
        self._encoder = Encoder(self._output, schema_id, f"processor-{definition.name}")

    def __call__(self, messages: Sequence[Taken]) -> Transformed:
        """Make results.

        Raises:
            RegistryUnavailableError: the registry gave no answer.
            ProcessorError: the text functions do not work.
        """
        began = time.monotonic()
        rows: list[_Row] = []
        letters: list[Record] = []
        rejected = 0
        for name in self._inputs:
            of_topic = [message for message in messages if message.topic() == name]
            if not of_topic:
                continue
            judged = self._judges[name](of_topic)
            rejected += judged.rejected
            letters += [self._letter(of_topic[place], why) for place, why in judged.unreadable]
            rows += self._rows(name, of_topic, judged.rows)
        asked = time.monotonic()
        understood = understand_each(self._functions, [row.text for row in rows])
        functions_seconds = time.monotonic() - asked
        good = []
        for row, found in zip(rows, understood, strict=True):
            if isinstance(found, Unreadable):
                letters.append(self._letter(row.message, found.reason))
            else:
                good.append((row, found))
        return Transformed(
            records=[*self._results(good), *letters],
            taken=len(messages),
            results=len(good),
            routed=sum(found.route != "quick" for _, found in good),
            rejected=rejected,
            dead_letters=len(letters),
            seconds=time.monotonic() - began,
            functions_seconds=functions_seconds,
        )

    def _letter(self, message: Taken, reason: str) -> Record:
        return dead_letter(self._output.topic.dead_letters, self._definition.name, message, reason)

    def _rows(self, name: str, messages: Sequence[Taken], rows: pl.DataFrame) -> list[_Row]:
        by_place = {(one.partition(), one.offset()): one for one in messages}
        event_time = self._contracts[name].event_time
        places = zip(rows["kafka_partition"], rows["kafka_offset"], strict=True)
        times = rows[event_time].dt.epoch("us")
        return [
            _Row(by_place[place], name, identity, at, text)
            for place, identity, at, text in zip(
                places, rows["event_id"], times, texts(self._inputs[name], rows), strict=True
            )
        ]

    def _results(self, good: Sequence[tuple[_Row, Understood]]) -> list[Record]:
        if not good:
            return []
        ids = [result_id(self._output.topic, row.topic, row.event_id) for row, _ in good]
        columns = Columns(
            event_ids=list(ids),
            ops=["c"] * len(good),
            occurred_at=[row.occurred_at for row, _ in good],
            ingested_at=[now_micros()] * len(good),
            after={
                "source_topic": [row.topic for row, _ in good],
                "source_event_id": [row.event_id for row, _ in good],
                "source_partition": [row.message.partition() for row, _ in good],
                "source_offset": [row.message.offset() for row, _ in good],
                "arrived_at": [row.message.timestamp()[1] * 1000 for row, _ in good],
                **result_columns([row.text for row, _ in good], [found for _, found in good]),
                "functions": [self._functions.version] * len(good),
            },
        )
        topic = str(self._output.topic)
        values = self._encoder.encode_columns(columns)
        return [Record(topic, key.encode(), value) for key, value in zip(ids, values, strict=True)]


def texts(source: Input, rows: pl.DataFrame) -> list[Text]:
    """The texts of rows that pass the input's contract, in order.

    Args:
        source: the input.
        rows: with the contract's columns: of the log or of silver.
    """
    joined = rows.select(pl.concat_str(source.text, separator="\n", ignore_nulls=True)).to_series()
    if source.urgent_by:
        urgent = rows[source.urgent_by].is_in(source.urgent).fill_null(value=False).to_list()
    else:
        urgent = [False] * len(rows)
    return [Text(text, flag) for text, flag in zip(joined, urgent, strict=True)]


def result_columns(texts: Sequence[Text], found: Sequence[Understood]) -> dict[str, list[Any]]:
    """What results say of their texts, by the contracts' columns: of stream and batch alike.

    Args:
        texts: that were read.
        found: in each.
    """
    readings = [one.reading for one in found]
    return {
        "characters": [len(one.text) for one in texts],
        "language": [one.language for one in readings],
        "language_confidence": [one.confidence for one in readings],
        "sentiment": [one.sentiment for one in readings],
        "intensity": [one.intensity for one in readings],
        "route": [one.route for one in found],
        "entities": [one.entities_json for one in found],
    }


def result_id(output: TopicName, source_topic: str, source_event_id: str) -> str:
    """Identity of the result of an event."""
    return event_id(output, source_topic, source_event_id)
