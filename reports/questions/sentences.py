"""What is said of a query and of its numbers; every sentence passes the number guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from platform_assets.gold.units import is_measure
from reports import guard
from reports.facts.model import Fact, Kind
from reports.questions.query import Query
from reports.wording import format_fact, format_value

_BOUND = {"en": {">": "more than", ">=": "at least", "<": "less than", "<=": "at most"},
          "de": {">": "mehr als", ">=": "mindestens", "<": "weniger als",
                 "<=": "höchstens"}}  # fmt: skip
_GRAINS = {"hour": "Stunde", "day": "Tag", "week": "Woche", "month": "Monat",
           "quarter": "Quartal", "year": "Jahr"}  # fmt: skip


@dataclass(frozen=True)
class Link:
    """A number in a sentence, and the facts that it states.

    Attributes:
        start, end: its characters.
        facts: ids.
    """

    start: int
    end: int
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """Prose, each number of which is a fact."""

    text: str
    links: tuple[Link, ...]


def interpretation(query: Query, language: str) -> str:
    """What a question was read as, in one line."""
    german = language == "de"
    if query.listing is not None:
        label = query.listing.labels.get(language, query.listing.label)
        return (
            f"{label}, {'seit' if german else 'for'} {query.days} {'Tagen' if german else 'days'}"
        )
    parts = [
        " & ".join(
            f"{metric.named(language)}{f' ({metric.unit})' if metric.unit else ''}"
            for metric in query.metrics
        )
    ]
    dimensions = query.model.dimensions
    for column, names in query.only.items():
        label = dimensions[column].labels.get(language, dimensions[column].label)
        joined = (" oder " if german else " or ").join(names)
        parts.append(f"{label} = {joined}")
    for column, names in query.without.items():
        label = dimensions[column].labels.get(language, dimensions[column].label)
        parts.append(f"{'ohne' if german else 'without'} {label} {', '.join(names)}")
    parts += _groups(query, language)
    if query.window is None:
        parts.append("alle Daten" if german else "all data")
    else:
        parts.append(query.window.words(language))
    if query.other is not None:
        parts.append(
            f"{'verglichen mit' if german else 'compared with'} {query.other.words(language)}"
        )
    if query.top:
        largest = query.order != "asc"
        word = ("die größten" if largest else "die kleinsten") if german else (
            "the largest" if largest else "the smallest"
        )  # fmt: skip
        parts.append(f"{word} {query.top}")
    if query.why:
        parts.append("was zur Änderung beitrug" if german else "what contributed to the change")
    return "; ".join(parts)


def _groups(query: Query, language: str) -> list[str]:
    """By what, in which order, within which bound."""
    german, dimensions, parts = language == "de", query.model.dimensions, []
    by = [dimensions[column].labels.get(language, dimensions[column].label) for column in query.by]
    if query.grain and not query.mean:
        by.append(_GRAINS[query.grain] if german else query.grain)
    if by:
        parts.append(f"{'nach' if german else 'by'} {', '.join(by)}")
    if query.mean:
        grain = _GRAINS[query.grain] if german else query.grain
        parts.append(
            f"Mittel je {grain} mit Zeilen" if german else f"mean of each {grain} that has rows"
        )
    if query.by_change:
        parts.append("geordnet nach der Änderung" if german else "in the order of the changes")
    if query.having:
        bound = _BOUND[language][query.having.op]
        parts.append(f"{bound} {query.having.number}")
    return parts


def told(
    query: Query, facts: Sequence[Fact], language: str
) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    """Sentences on an answer's facts, and the reasons against those that the guard refused."""
    context = guard.Context(
        values=tuple(_value(query.by, fact) for fact in facts if fact.value is not None),
        known=tuple(window.key for window in (query.window, query.other) if window and window.key),
    )
    return _passed(_drafts(query, facts, language), context, language)


def _passed(
    drafts: Sequence[tuple[str, tuple[str, ...]]], context: guard.Context, language: str
) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    passed, refused = [], []
    for text, cites in drafts:
        verdict = guard.check(guard.Paragraph(text, cites), context, language)
        if verdict.ok:
            links = tuple(Link(one.start, one.end, one.ids) for one in verdict.links)
            passed.append(Sentence(text, links))
        else:
            refused += [f"{one.rule}: {one.message} ({text})" for one in verdict.refusals]
    return tuple(passed), tuple(refused)


def checked_sentence(fact: Fact, language: str) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    """The sentence on one fact of no metric, and the guard's reasons against it."""
    context = guard.Context(values=(_value((), fact),))
    return _passed([_said(fact, None, None, language)], context, language)


def _drafts(
    query: Query, facts: Sequence[Fact], language: str
) -> list[tuple[str, tuple[str, ...]]]:
    by_id = {fact.id: fact for fact in facts}
    drafts = []
    for fact in facts:
        if fact.kind is not Kind.VALUE or fact.value is None or fact.id.endswith(".earlier"):
            continue
        if fact.kpi not in {m.name for m in query.metrics} and query.listing is None:
            continue
        if query.why and fact.entity:
            continue  # what it added is told below
        change = by_id.get(f"{fact.id}.difference")
        growth = by_id.get(f"{fact.id}.growth")
        drafts.append(_said(fact, change, growth, language))
    moved = [fact for fact in facts if fact.kind is Kind.CONTRIBUTION and fact.value]
    whole = next((fact for fact in facts if fact.kind is Kind.DIFFERENCE), None)
    if moved and whole is not None and whole.value:
        drafts += _contributed(moved, whole, language)
    return drafts


def _said(
    fact: Fact, change: Fact | None, growth: Fact | None, language: str
) -> tuple[str, tuple[str, ...]]:
    german = language == "de"
    if german and fact.unit not in ("%", "pp") and not is_measure(fact.unit):
        # Nouns of what is counted are English; the label says it in German.
        fact = fact.model_copy(update={"unit": ""})
        change = change and change.model_copy(update={"unit": ""})
    who = f", {fact.entity}" if fact.entity else ""
    value = format_fact(fact, language)
    if change is None or change.value is None:
        return f"{fact.label}{who}: {value}.", (fact.id,)
    cites = (fact.id, change.id, *((growth.id,) if growth else ()))
    size = format_value(abs(change.value), change.unit, change.decimals, language)
    if not change.value:
        level = "unverändert" if german else "unchanged"
        return f"{fact.label}{who}: {value}, {level}.", (fact.id,)
    rose = change.value > 0
    ratio = ""
    if growth is not None and growth.value is not None:
        share = format_value(abs(growth.value), "%", growth.decimals, language)
        ratio = f" ({share})"
    if german:
        verb = "stieg" if rose else "fiel"
        # The share first: "504 € (42 %)" would read as an amount in euros behind its sign.
        by = f"{ratio.strip(' ()')} ({size})" if ratio else size
        return f"{fact.label}{who} {verb} um {by} auf {value}.", cites
    verb = "rose" if rose else "fell"
    return f"{fact.label}{who} {verb} by {size}{ratio} to {value}.", cites


def _contributed(
    moved: Sequence[Fact], whole: Fact, language: str
) -> list[tuple[str, tuple[str, ...]]]:
    """Who moved with the whole, and who against it."""
    german = language == "de"
    assert whole.value is not None  # noqa: S101 (the caller looked)
    drafts: list[tuple[str, tuple[str, ...]]] = []
    for fact in moved[:3]:
        assert fact.value is not None  # noqa: S101
        size = format_value(abs(fact.value), fact.unit, fact.decimals, language)
        up = fact.value > 0
        if german:
            text = f"{fact.label}, {fact.entity}, {'stieg' if up else 'fiel'} um {size}."
        else:
            text = f"{fact.label}, {fact.entity}, {'rose' if up else 'fell'} by {size}."
        drafts.append((text, (fact.id,)))
    return drafts


def _value(by: Sequence[str], fact: Fact) -> guard.Value:
    good = {"up": 1, "down": -1, "none": 0}[fact.good]
    value: Decimal | date | None = fact.value
    assert value is not None  # noqa: S101 (the caller looked)
    return guard.Value(
        id=fact.id,
        value=value,
        unit=fact.unit,
        names=(fact.label,),
        entity=fact.entity,
        period=fact.period,
        signed=fact.kind.signed,
        compared_to=fact.compared_to,
        group=", ".join(by),
        good=good,
    )
