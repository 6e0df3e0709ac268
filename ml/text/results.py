"""What is found in a text: values that every caller gets, and their JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Label = Literal["negative", "neutral", "positive"]
LABELS: tuple[Label, ...] = get_args(Label)
Kind = Literal["person", "organisation", "place", "money", "date", "product"]
UNKNOWN = "und"
"""Code of a language that could not be told, as ISO 639-2 has it."""


@dataclass(frozen=True)
class Language:
    """In which language a text is written.

    Attributes:
        code: ISO 639-1, or ``und`` for a text without letters.
        confidence: from 0 to 1, among the languages in :data:`ml.text.languages.LANGUAGES`.
    """

    code: str
    confidence: float


@dataclass(frozen=True)
class Sentiment:
    """What the writer feels.

    Attributes:
        label: the most probable of the three.
        intensity: its calibrated probability, from 1/3 to 1.
        negative, neutral, positive: calibrated probabilities; their sum is 1.
    """

    label: Label
    intensity: float
    negative: float
    neutral: float
    positive: float


@dataclass(frozen=True)
class Entity:
    """Something that a text names.

    Attributes:
        kind: what it is.
        start: first character in the text, from 0.
        end: behind its last character; ``text[start:end]`` is the entity.
        text: those characters.
        confidence: from 0 to 1; of persons, organisations and places the tagger's probability,
            of money, dates and products how sure their rule is.
        value: where a rule knows it: ``2026-03-01`` or ``2026-03``, ``12.50 EUR``, else empty.
    """

    kind: Kind
    start: int
    end: int
    text: str
    confidence: float
    value: str = ""


@dataclass(frozen=True)
class Reading:
    """All that is known of one text.

    Attributes:
        language: always there.
        sentiment: None without a trained model, and for a text without letters.
        entities: in the order of their start; they do not overlap.
        missing: what could not be done, each with the next step; empty if all was done.
    """

    language: Language
    sentiment: Sentiment | None
    entities: tuple[Entity, ...]
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with the attributes' names."""
        values = asdict(self)
        return {**values, "entities": list(values["entities"]), "missing": list(self.missing)}


@dataclass(frozen=True, order=True)
class Named:
    """An entity whatever its place in a text.

    Attributes:
        kind: what it is.
        text: as it was first written.
    """

    kind: Kind
    text: str


@dataclass(frozen=True)
class Link:
    """Two entities that are named together.

    Attributes:
        one, other: in alphabetical order.
        count: sentences that name both.
    """

    one: Named
    other: Named
    count: int


@dataclass(frozen=True)
class Study:
    """What takes longer to find than a stream has time for.

    Attributes:
        category: label of the sector, or ``unknown``; None for a text without letters.
        category_confidence: calibrated probability of the likeliest label; None with the category.
        key_phrases: most central first.
        summary: its most central sentences, as they were written.
        quality: from 0, nothing to read, to 1.
        quality_reasons: why it is less than 1.
        duplicate_of: place among the texts of the first with the same words; None: none.
        near_duplicate_of: place of the first with nearly the same words; None: none.
        links: pairs of what is named in one sentence.
        missing: what could not be done; empty if all was.
    """

    category: str | None
    category_confidence: float | None
    key_phrases: tuple[str, ...]
    summary: str
    quality: float
    quality_reasons: tuple[str, ...]
    duplicate_of: int | None
    near_duplicate_of: int | None
    links: tuple[Link, ...]
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with the attributes' names."""
        lists = ("key_phrases", "quality_reasons", "links", "missing")
        values = asdict(self)
        return {name: list(one) if name in lists else one for name, one in values.items()}
