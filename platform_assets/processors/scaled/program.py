"""A processor as a function that an engine ships to its workers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from platform_assets.connectors.produce import Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines.registry import WriterSchemas
from platform_assets.processors.model import Definition, ProcessorError, TextFunctions
from platform_assets.processors.transform import Transformer


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record as an engine gives it, with the methods of a Kafka client's message.

    Attributes:
        of: topic.
        part: partition.
        at: offset.
        millis: timestamp of the record, in milliseconds.
        name: key.
        body: value.
    """

    of: str
    part: int
    at: int
    millis: int
    name: bytes | None
    body: bytes | None

    def topic(self) -> str:
        """Its topic."""
        return self.of

    def partition(self) -> int:
        """Its partition."""
        return self.part

    def offset(self) -> int:
        """Its offset."""
        return self.at

    def timestamp(self) -> tuple[int, int]:
        """Kind (1: of the sender) and milliseconds."""
        return 1, self.millis

    def key(self) -> bytes | None:
        """Its key."""
        return self.name

    def value(self) -> bytes | None:
        """Its value."""
        return self.body


@dataclass
class Program:
    """Makes results of records, in whatever process it is called; for one thread.

    It can be pickled; models and clients are opened at the first call, once a process.

    Attributes:
        settings: of the lake.
        definition: the processor.
        contracts: of its topics.
        functions: ``module:name`` of what gives the text functions for settings; workers must be
            able to import it.
        schema_id: of the output's schema in the registry.
    """

    settings: Settings
    definition: Definition
    contracts: Mapping[TopicName, Contract]
    functions: str
    schema_id: int
    _transformer: Transformer | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but what was opened."""
        return {**self.__dict__, "_transformer": None}

    @property
    def topics(self) -> list[str]:
        """What is read."""
        return [str(one.topic) for one in self.definition.inputs]

    @property
    def written(self) -> list[str]:
        """What is written: results, then dead letters."""
        return [str(self.definition.output), self.definition.output.dead_letters]

    def __call__(self, records: Sequence[LogRecord]) -> list[Record]:
        """Results and dead letters, at most one a record, in no order that counts.

        Raises:
            RegistryUnavailableError: the registry gave no answer; the engine tries again.
            ProcessorError: the text functions do not work.
        """
        if self._transformer is None:
            self._transformer = Transformer(
                self.definition,
                self.contracts,
                found(self.functions)(self.settings),
                WriterSchemas(self.settings),
                self.schema_id,
            )
        return self._transformer(records).records


def program(
    settings: Settings,
    definition: Definition,
    contracts: Mapping[TopicName, Contract],
    functions: str,
) -> Program:
    """A processor's program; its topics are there and its schema is registered afterwards.

    Raises:
        ProcessorError: there are no such functions.
        WeirError: broker or registry do not answer.
    """
    found(functions)
    mine = {topic: contracts[topic] for topic in definition.topics}
    ids = ensure_topics(settings, mine.values())
    return Program(settings, definition, mine, functions, ids[definition.output])


def found(functions: str) -> Callable[[Settings], TextFunctions]:
    """What gives text functions, by its name.

    Raises:
        ProcessorError: there is none.
    """
    module, _, name = functions.partition(":")
    try:
        return cast(
            "Callable[[Settings], TextFunctions]", getattr(importlib.import_module(module), name)
        )
    except (ImportError, AttributeError, ValueError) as error:
        raise ProcessorError(
            f"no text functions {functions!r}: {error}", "write module:name"
        ) from error
