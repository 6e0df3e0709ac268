"""What a finished report is: the document that the page, the portal and deliveries read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from reports.facts.model import Fact, Notice


class Span(BaseModel):
    """A number in a text and the fact that it states.

    Attributes:
        start: index of its first character.
        end: index after its last character.
        facts: ids of the fact, or of the facts that a stated derivation uses.
    """

    model_config = ConfigDict(frozen=True)

    start: int
    end: int
    facts: tuple[str, ...]


def cut(text: str, spans: Sequence[Span]) -> tuple[list[tuple[str, Span | None]], list[Span]]:
    """A text cut at its spans.

    Returns:
        The runs, which joined are the text, each with its span (None: plain text); and the spans
        that have no run: they are empty, lie outside the text or overlap an earlier one.
    """
    runs: list[tuple[str, Span | None]] = []
    misfits = []
    at = 0
    for span in sorted(spans, key=lambda each: each.start):
        if not at <= span.start < span.end <= len(text):
            misfits.append(span)
            continue
        if span.start > at:
            runs.append((text[at : span.start], None))
        runs.append((text[span.start : span.end], span))
        at = span.end
    if at < len(text):
        runs.append((text[at:], None))
    return runs, misfits


class Paragraph(BaseModel):
    """A text, its numbers as links, and the passages that it leans on."""

    model_config = ConfigDict(frozen=True)

    text: str
    spans: tuple[Span, ...] = ()
    passages: tuple[str, ...] = ()


class Chart(BaseModel):
    """A chart.

    Attributes:
        id: unique in its report; a file name and an anchor.
        title: the finding, as a sentence.
        alt: what is to be seen, for those who cannot see it.
        spec: Vega-Lite with its data inside.
        svg: the same, drawn.
        facts: ids of the facts that its title states.
        spans: the title's numbers.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    alt: str
    spec: dict[str, Any]
    svg: str
    facts: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()


class Section(BaseModel):
    """A heading with paragraphs, charts and the facts of its table, in that order."""

    model_config = ConfigDict(frozen=True)

    id: str
    heading: str
    paragraphs: tuple[Paragraph, ...] = ()
    charts: tuple[Chart, ...] = ()
    table: tuple[str, ...] = ()


class Passage(BaseModel):
    """A quotation from the knowledge base, with what a citation needs."""

    model_config = ConfigDict(frozen=True)

    id: str
    document: str
    title: str
    page: int | None = None
    heading: str = ""
    text: str


class Report(BaseModel):
    """A finished report of one period.

    Attributes:
        name: of its definition, e.g. ``weekly-commerce``.
        title: shown on the cover.
        audience: whom it is for.
        language: BCP 47 (``en``, ``de``, ``ja``, ``ar``).
        period: key of its period.
        period_label: the period in words.
        data_until: the newest commit among its tables' snapshots, ISO 8601 UTC; the same for two
            runs on one snapshot.
        narrator: ``template`` or the model's name.
        headline: ids of the (five) figures on the cover.
        summary: the first paragraphs, under the cover's figures and in messages.
        sections: the body.
        facts: every fact, by appearance.
        passages: every passage cited.
        notices: shown on the first page.
        held: why it may not be delivered; empty where it may.
        zone: time zone whose days its periods are made of; empty in reports of earlier releases.
        appendix: ``full``: every fact and statement is printed; ``links``: numbers lead to them.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    audience: str
    language: str
    period: str
    period_label: str
    data_until: str
    narrator: str
    headline: tuple[str, ...]
    summary: tuple[Paragraph, ...] = ()
    sections: tuple[Section, ...] = ()
    facts: tuple[Fact, ...]
    passages: tuple[Passage, ...] = ()
    notices: tuple[Notice, ...] = ()
    held: str = ""
    zone: str = ""
    appendix: Literal["links", "full"] = "full"

    def fact(self, fact_id: str) -> Fact:
        """The fact of that id.

        Raises:
            KeyError: there is none.
        """
        for fact in self.facts:
            if fact.id == fact_id:
                return fact
        raise KeyError(fact_id)
