"""The loop: a narrator writes, the number guard judges, and only judged text leaves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from platform_assets.core.settings import Settings
from reports.document import Paragraph
from reports.facts.model import Notice
from reports.narrative import template
from reports.narrative.brief import (
    SUMMARY,
    AnswerError,
    Brief,
    Draft,
    Narrator,
    NarratorError,
    Place,
    Refusal,
    Story,
    Usage,
)
from reports.narrative.endpoint import BudgetError
from reports.narrative.evidence import Evidence
from reports.narrative.languages import language_of, phrases_of
from reports.narrative.model import ModelNarrator

TRIES = 3
"""Times a narrator may be asked: once for all, then for what was refused."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """A narrative that may be printed.

    Attributes:
        summary: its first paragraphs.
        sections: paragraphs by section id, in the brief's order.
        narrator: ``template`` or the model's name.
        usage: what the model has cost, also where the template took over.
        refusals: everything refused on the way, in order; a failure of the narrator itself is
            one with an empty sentence and the rule ``narrator``.
        notices: what the reader must know: that the template took over (rule ``narrator``), that
            a paragraph is missing (rule ``guard``).
    """

    summary: tuple[Paragraph, ...]
    sections: dict[str, tuple[Paragraph, ...]]
    narrator: str
    usage: Usage
    refusals: tuple[Refusal, ...]
    notices: tuple[Notice, ...]


def write(brief: Brief, settings: Settings, narrator: Narrator | None = None) -> Written:
    """Write a report's text.

    A report has one narrator: where a model's paragraph is still refused after
    :data:`TRIES` answers, or the model fails, the template writes all of it, and a notice says
    so. Without an endpoint the template writes from the start.

    Args:
        brief: everything that may be known.
        settings: the endpoint and its limits.
        narrator: writes instead of the model that the settings name.
    """
    if narrator is None and settings.llm_url:
        narrator = ModelNarrator(settings)
    if narrator is None:
        return _by_template(brief, (), Usage())
    refusals: list[Refusal] = []
    phrases = phrases_of(brief.language)
    try:
        paragraphs = _by_narrator(brief, narrator, refusals)
    except NarratorError as error:
        _log.warning("narrator %s of report %s: %s", narrator.name, brief.name, error)
        refusals.append(_failure(error))
        spent = isinstance(error, BudgetError)
        message = phrases.notice_budget if spent else phrases.notice_model
        paragraphs = None
    else:
        message = phrases.notice_answer
    if paragraphs is not None:
        return _written(brief, paragraphs, narrator.name, narrator.usage, refusals, [])
    notice = Notice(rule="narrator", message=message.format(name=narrator.name))
    return _by_template(brief, (notice,), narrator.usage, refusals)


def _by_narrator(
    brief: Brief, narrator: Narrator, refusals: list[Refusal]
) -> dict[Place, Paragraph] | None:
    """Accepted paragraphs by place; None where some stayed refused. Adds to ``refusals``."""
    evidence = Evidence(brief, brief.language)
    story: Story | None = None
    accepted: dict[Place, Paragraph] = {}
    drafts: dict[Place, Draft] = {}
    refused: dict[Place, Draft] = {}
    found: list[Refusal] = []
    for attempt in range(TRIES):
        try:
            if story is None:
                story = narrator.narrate(brief)
                drafts = story.places()
            else:
                drafts = {**refused, **narrator.revise(brief, refused, found)}
        except AnswerError as error:
            if attempt == TRIES - 1:
                raise
            refusals.append(_failure(error))
            continue
        refused, found = {}, []
        for place, draft in drafts.items():
            paragraph, broken = evidence.judge(place, draft)
            if broken:
                refused[place] = draft
                found += broken
            else:
                accepted[place] = paragraph
        refusals += found
        if not refused:
            return {place: accepted[place] for place in story.places()}
    return None


def _by_template(
    brief: Brief,
    notices: tuple[Notice, ...],
    usage: Usage,
    refusals: list[Refusal] | None = None,
) -> Written:
    """The template's text, judged too: what is refused is left out and noted."""
    evidence = Evidence(brief, language_of(brief.language))
    paragraphs: dict[Place, Paragraph] = {}
    found: list[Refusal] = []
    for place, draft in template.tell(brief).places().items():
        paragraph, broken = evidence.judge(place, draft)
        found += broken
        if not broken:
            paragraphs[place] = paragraph
    for refusal in found:
        _log.error("template of report %s refused: %s", brief.name, refusal)
    dropped = phrases_of(brief.language).notice_dropped
    notes = [*notices, *([Notice(rule="guard", message=dropped)] if found else [])]
    return _written(brief, paragraphs, template.NAME, usage, [*(refusals or []), *found], notes)


def _written(
    brief: Brief,
    paragraphs: Mapping[Place, Paragraph],
    narrator: str,
    usage: Usage,
    refusals: list[Refusal],
    notices: list[Notice],
) -> Written:
    def of(section: str) -> tuple[Paragraph, ...]:
        return tuple(text for place, text in paragraphs.items() if place.section == section)

    return Written(
        summary=of(SUMMARY),
        sections={section.id: of(section.id) for section in brief.sections},
        narrator=narrator,
        usage=usage,
        refusals=tuple(refusals),
        notices=tuple(notices),
    )


def _failure(error: NarratorError) -> Refusal:
    return Refusal(Place(SUMMARY, 0), "", "", "narrator", error.message)
