"""What a processor is, what it is handed, and what it finds in a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName


class ProcessorError(WeirError):
    """A processor cannot go on; names it."""


class FencedError(ProcessorError):
    """Another process runs the same processor; this one wrote nothing more."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that a text names.

    Attributes:
        kind: what it is, e.g. ``person``, ``organisation``, ``place``, ``money``, ``date``.
        text: the characters.
        start, end: their place in the text, in characters; ``end`` is exclusive.
        confidence: 0 to 1.
        value: where it is known, e.g. ``12.5 EUR``; else empty.
    """

    kind: str
    text: str
    start: int
    end: int
    confidence: float
    value: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the quick step finds in a text.

    Attributes:
        language: ISO 639-1; ``und`` where there is none.
        confidence: of the language, 0 to 1.
        sentiment: ``positive``, ``neutral`` or ``negative``; None: no model could tell.
        intensity: how strongly, 0 to 1; None with the sentiment.
        entities: what is found at little cost.
    """

    language: str
    confidence: float
    sentiment: str | None
    intensity: float | None
    entities: tuple[Entity, ...] = ()


class TextFunctions(Protocol):
    """The functions over texts, a batch at a time; equal texts give equal results.

    Both steps give one result a text, in order. They may raise for a text that they cannot read:
    it becomes a dead letter, and the others of its batch are asked for again. Where no text is to
    blame they raise a :class:`ProcessorError`: nothing is taken, and the batch is tried again.
    """

    @property
    def version(self) -> str:
        """Names the models and their versions; another version may give other results."""
        ...

    def read(self, texts: Sequence[str]) -> Sequence[Reading]:
        """The quick step."""
        ...

    def entities(self, texts: Sequence[str]) -> Sequence[Sequence[Entity]]:
        """The costly step: everything that is named, what the quick step finds included."""
        ...


class StudyFunctions(Protocol):
    """What is found in texts of past days alone: it costs more than a stream has time for."""

    @property
    def version(self) -> str:
        """Names the functions; another version may give other results."""
        ...

    def study(self, texts: Sequence[str], ids: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """For each text the columns of the derived table that are not the stream's, in order.

        Args:
            texts: of one day, in the order in which they were written: of two that are the same
                the first is the original.
            ids: identity of each, by which others name it.
        """
        ...


@dataclass(frozen=True)
class Input:
    """A topic that a processor reads.

    Attributes:
        topic: with a contract; append.
        text: its columns that make up the text, a line each.
        urgent_by: column that says how urgent the text is; empty: none does.
        urgent: its values that call for the costly step.
    """

    topic: TopicName
    text: tuple[str, ...]
    urgent_by: str = ""
    urgent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A processor.

    Attributes:
        name: a word in names of groups, transactions and assets.
        inputs: what it reads.
        output: the topic of its results, with a contract.
        owner: whom Dagster names.
        derived: names the table of results over history (``contracts/derived``).
    """

    name: str
    inputs: tuple[Input, ...]
    output: TopicName
    owner: str
    derived: TopicName

    @property
    def topics(self) -> tuple[TopicName, ...]:
        """What it reads, then what it writes."""
        return (*(one.topic for one in self.inputs), self.output)

    def input_of(self, topic: str) -> Input:
        """The input of a topic."""
        return next(one for one in self.inputs if str(one.topic) == topic)


FEEDBACK = Definition(
    name="feedback",
    inputs=(
        Input(TopicName("feedback", "reviews"), ("text",)),
        Input(
            TopicName("feedback", "support_tickets"),
            ("subject", "body"),
            urgent_by="priority",
            urgent=("high", "urgent"),
        ),
    ),
    output=TopicName("processed", "feedback"),
    owner="feedback@weir.example",
    derived=TopicName("feedback", "enriched"),
)
"""Language, sentiment and names of what customers write."""

PROCESSORS = (FEEDBACK,)
