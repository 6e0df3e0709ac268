"""Drafts before the number guard: facts as its values, its links as spans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from reports import guard
from reports.document import Paragraph, Span
from reports.facts.model import Kind
from reports.narrative.brief import Brief, Draft, Place, Refusal
from reports.narrative.reading import Reading
from reports.wording import format_period

MAX_CHARACTERS = 2_000
"""Length of one paragraph."""

_ADDRESS = re.compile(r"://|\bwww\.|\bmailto:|\S@\S", re.IGNORECASE)


class Evidence:
    """What a brief's drafts are checked against, in the language they are written in."""

    def __init__(self, brief: Brief, language: str) -> None:
        self._language = language
        self._facts = {fact.id for fact in brief.facts}
        self._gaps = {fact.id for fact in brief.facts if fact.value is None}
        self._passages = {passage.id for passage in brief.passages}
        periods = [period.key for period in (brief.period, *brief.compared)]
        self._context = guard.Context(
            values=tuple(_values(brief)),
            known=(*periods, *[format_period(key, language) for key in periods]),
        )

    def judge(self, place: Place, draft: Draft) -> tuple[Paragraph, list[Refusal]]:
        """The paragraph that a draft gives, and why it may not be printed (empty: it may)."""
        refusals = [
            Refusal(place, draft.text, number, rule, message)
            for rule, number, message in self._unsound(draft)
        ]
        verdict = guard.check(
            guard.Paragraph(
                text=draft.text,
                cites=tuple(one for one in draft.facts if one not in self._gaps),
                derivations=tuple(guard.Derivation(one.op, one.of) for one in draft.derivations),
            ),
            self._context,
            language=self._language,
        )
        refusals += [
            Refusal(place, one.sentence, one.number, one.rule, one.message)
            for one in verdict.refusals
        ]
        spans = tuple(Span(start=one.start, end=one.end, facts=one.ids) for one in verdict.links)
        return Paragraph(text=draft.text, spans=spans, passages=draft.passages), refusals

    def _unsound(self, draft: Draft) -> list[tuple[str, str, str]]:
        """Broken rules that have nothing to do with numbers: rule, culprit, message."""
        broken = []
        if not draft.text.strip() or len(draft.text) > MAX_CHARACTERS:
            broken.append(("length", "", f"write 1 to {MAX_CHARACTERS} characters"))
        # A board's report holds no address that a passage may have smuggled in.
        if address := _ADDRESS.search(draft.text):
            broken.append(("address", address[0], "no web or mail address may stand in a report"))
        used = {*draft.facts, *(one for derived in draft.derivations for one in derived.of)}
        broken += [
            ("fact", unknown, f"no fact {unknown!r}") for unknown in sorted(used - self._facts)
        ]
        broken += [
            ("passage", unknown, f"no passage {unknown!r}")
            for unknown in sorted(set(draft.passages) - self._passages)
        ]
        return broken


def _values(brief: Brief) -> Iterator[guard.Value]:
    """The guard's values; what a KPI is called holds for all of its facts."""
    spoken_of = dict.fromkeys((*brief.kpis, *(fact.kpi for fact in brief.facts)))
    labels = {kpi: Reading(brief, kpi).label for kpi in spoken_of}
    # A gap has a name and no number. The guard must know the name, lest it read digits or a
    # superlative in it; as a date that is never cited it adds no number.
    for kpi in set(labels) - {fact.kpi for fact in brief.facts}:
        yield guard.Value(id=kpi, value=date.min, names=(labels[kpi],))
    for fact in brief.facts:
        names = tuple(dict.fromkeys((fact.label, labels[fact.kpi])))
        if fact.value is None:
            yield guard.Value(id=fact.id, value=date.min, names=names, entity=fact.entity)
            continue
        yield guard.Value(
            id=fact.id,
            value=fact.value,
            unit=fact.unit,
            names=names,
            entity=fact.entity,
            period=fact.period,
            signed=fact.kind.signed,
            rank_of=fact.among or None,
            compared_to=fact.compared_to,
            per=str(brief.period.grain) if fact.kind is Kind.TREND else "",
            # The id is the only thing that keeps countries and products apart.
            group=fact.id.removeprefix(f"{fact.kpi}.").split(".")[0] if fact.entity else "",
            good={"up": 1, "down": -1, "none": 0}[fact.good],
            target=fact.kind is Kind.TARGET,
        )
