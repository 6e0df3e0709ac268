"""What a narrator is told, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from platform_assets.core.errors import WeirError
from reports.document import Passage
from reports.facts.model import Derivation, Fact
from reports.periods import Period

SUMMARY = ""
"""Stands for the summary where a section's id is expected."""


@dataclass(frozen=True)
class BriefSection:
    """A section to be written.

    Attributes:
        id: of the report's definition.
        heading: in the report's language.
        kpis: KPIs it speaks of, in order.
    """

    id: str
    heading: str
    kpis: tuple[str, ...]


@dataclass(frozen=True)
class Brief:
    """Everything a narrator may know.

    Attributes:
        name: of the report's definition.
        title: of the report.
        audience: whom it is for, e.g. ``board``.
        language: BCP 47.
        tone: how it should sound, e.g. ``plain``; for models only.
        period: the period reported on.
        compared: periods compared with, the most important one first.
        sections: in order.
        facts: every number there is, with ids that are unique.
        passages: quotations from the knowledge base; for models only.
        series: KPI -> ids of the facts of the periods that its rank is among, oldest first.
        headline: KPIs that the summary speaks of; empty: those of the sections, in order.
    """

    name: str
    title: str
    audience: str
    language: str
    tone: str
    period: Period
    compared: tuple[Period, ...]
    sections: tuple[BriefSection, ...]
    facts: tuple[Fact, ...]
    passages: tuple[Passage, ...] = ()
    series: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headline: tuple[str, ...] = ()

    @property
    def kpis(self) -> tuple[str, ...]:
        """KPIs that the summary speaks of, each once."""
        named = self.headline or tuple(kpi for section in self.sections for kpi in section.kpis)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Draft:
    """A paragraph as a narrator wrote it, unchecked.

    Attributes:
        text: plain text.
        facts: ids of the facts that it states.
        derivations: what it computed itself from facts.
        passages: ids of the passages that it leans on.
    """

    text: str
    facts: tuple[str, ...] = ()
    derivations: tuple[Derivation, ...] = ()
    passages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """What a narrator gives back: drafts of the summary, and by section id."""

    summary: Sequence[Draft]
    sections: Mapping[str, Sequence[Draft]]

    def places(self) -> dict[Place, Draft]:
        """Every draft by its place, the summary's first."""
        return {
            Place(section, index): draft
            for section, drafts in ((SUMMARY, self.summary), *self.sections.items())
            for index, draft in enumerate(drafts)
        }


@dataclass(frozen=True)
class Place:
    """Where a paragraph stands.

    Attributes:
        section: id of its section, or :data:`SUMMARY`.
        index: from 0.
    """

    section: str
    index: int


@dataclass(frozen=True)
class Refusal:
    """Why a sentence may not be printed.

    Attributes:
        place: the paragraph.
        sentence: the sentence, or the whole text.
        number: the number as written; empty where none is to blame.
        rule: name of the rule.
        message: what is wrong, for the narrator and the log.
    """

    place: Place
    sentence: str
    number: str
    rule: str
    message: str


@dataclass(frozen=True)
class Usage:
    """What a narrative has cost.

    Attributes:
        prompt_tokens: tokens read by the model.
        completion_tokens: tokens written by it.
        calls: requests that were answered.
        seconds: time spent waiting for it, s.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens both ways."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
            self.seconds + other.seconds,
        )


class NarratorError(WeirError):
    """A narrator cannot go on; the template takes over."""


class AnswerError(NarratorError):
    """A narrator's answer has the wrong shape; it may be asked again."""


class Narrator(Protocol):
    """Writes a story, and rewrites paragraphs that were refused."""

    @property
    def name(self) -> str:
        """Shown in the report, e.g. the model's name."""
        ...

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        ...

    def narrate(self, brief: Brief) -> Story:
        """Write every paragraph.

        Raises:
            NarratorError: it could not.
        """
        ...

    def revise(
        self, brief: Brief, refused: Mapping[Place, Draft], refusals: Sequence[Refusal]
    ) -> Mapping[Place, Draft]:
        """Write refused paragraphs again.

        Returns:
            New drafts by place; a place left out stays refused.

        Raises:
            NarratorError: it could not.
        """
        ...
