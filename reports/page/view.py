"""A report seen as the page shows it: linked pieces of text, cards, rows, footnotes, statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from platform_assets.core.errors import WeirError
from reports.document import Passage, Report, Section, Span, cut
from reports.facts.model import Fact, Kind, Source
from reports.language import direction
from reports.page.labels import Labels, labels
from reports.periods import Grain, Period, PeriodError
from reports.wording import (
    GAP,
    format_fact,
    format_moment,
    format_period,
    format_value,
    rounded,
)

FactUrl = Callable[[str], str]

_TEXTS = re.compile(r"'(?:[^']|'')*'")
_SIGNS = {"difference": "-", "growth": "/", "share": "/", "ratio": "/", "sum": "+", "mean": "+"}


_ROWS = "\n)"
_DAYS = re.compile(r"\(?day >= DATE.*")


class PageError(WeirError):
    """A report refers to something that it does not hold, or holds a malformed value."""


@dataclass(frozen=True)
class Piece:
    """A run of text; a link where it states facts."""

    text: str
    hrefs: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Change:
    """How a figure moved; told by arrow and words, only underlined by colour."""

    arrow: str
    value: str
    href: str
    words: str
    tone: str


@dataclass(frozen=True)
class Row:
    """A fact as a card or a table's row shows it."""

    fact: Fact
    label: str
    value: str
    href: str
    period: str
    change: Change | None
    target: str


@dataclass(frozen=True)
class Table:
    """A section's table.

    Attributes:
        rows: its rows.
        period: of all rows where it is the same one; empty where they differ.
        changes: whether any row has one.
    """

    rows: tuple[Row, ...]
    period: str
    changes: bool


@dataclass(frozen=True)
class Statement:
    """A source, and the facts that it gives, with other dates and names."""

    number: int
    source: Source
    facts: tuple[Fact, ...]


class View:
    """What the template reads.

    Raises:
        PageError: an id is unknown, a span lies outside its text, or a date is malformed.
        reports.language.LanguageError: the report's language is unknown.
    """

    def __init__(self, report: Report, fact_url: FactUrl) -> None:
        self.report = report
        self.language = report.language
        self.labels: Labels = labels(report.language)
        self.direction = direction(report.language)
        self._url = fact_url
        self._facts = {fact.id: fact for fact in report.facts}
        self._passages = {passage.id: passage for passage in report.passages}

    @cached_property
    def data_until(self) -> str:
        """The newest commit in words, by the report's clock."""
        try:
            return format_moment(self.report.data_until, self.report.zone, self.language)
        except ValueError:
            raise self._error(
                f"data_until {self.report.data_until!r} is not a valid ISO 8601 timestamp"
            ) from None

    @property
    def zone(self) -> str:
        """Whose days these are, in words; empty for UTC, which the data's moment names."""
        zone = self.report.zone
        return self.labels.zone.format(zone=zone) if zone not in ("", "UTC") else ""

    @property
    def has_appendix(self) -> bool:
        """Whether facts and statements are printed, and not only behind the links."""
        return self.report.appendix == "full"

    @property
    def narrator(self) -> str:
        """Who wrote it, in words."""
        if self.report.narrator == "template":
            return self.labels.written_without_model
        return self.labels.written_by.format(model=self.report.narrator)

    def rule(self, rule: str) -> str:
        """A notice's rule in words."""
        return self.labels.rules.get(rule, rule)

    def cards(self) -> list[Row]:
        """The figures of the cover."""
        return [self._row(self._fact(name, "headline")) for name in self.report.headline]

    def pieces(self, text: str, spans: Sequence[Span], where: str) -> Iterator[Piece]:
        """A text cut into plain runs and linked numbers."""
        runs, misfits = cut(text, spans)
        if misfits:
            at = f"{misfits[0].start}-{misfits[0].end}"
            raise self._error(f"{where}: span {at} overlaps or is out of range")
        for run, cited in runs:
            facts = [self._fact(name, where) for name in cited.facts] if cited else []
            title = "; ".join(f"{fact.label} {self._shown(fact)}" for fact in facts)
            yield Piece(run, tuple(self._url(fact.id) for fact in facts), title)

    def table(self, section: Section) -> Table:
        """A section's table. A change that a row of its figure shows already has no row."""
        facts = [self._fact(name, f"table of {section.id}") for name in section.table]
        figures = [fact for fact in facts if fact.kind is Kind.VALUE]
        beside = {change.id for fact in figures if (change := self._change_of(fact))}
        rows = tuple(self._row(fact) for fact in facts if fact.id not in beside)
        periods = {row.period for row in rows}
        same = periods.pop() if len(periods) == 1 else ""
        return Table(rows, same, any(row.change for row in rows))

    def cites(self, passages: Sequence[str]) -> list[int]:
        """Numbers of the footnotes of a paragraph."""
        numbers = {passage.id: number for number, passage in self.footnotes}
        missing = [name for name in passages if name not in numbers]
        if missing:
            raise self._error(f"passage {missing[0]!r} is cited but does not exist")
        return [numbers[name] for name in passages]

    @cached_property
    def footnotes(self) -> list[tuple[int, Passage]]:
        """Passages in the order in which they are cited; those never cited come last."""
        paragraphs = [
            *self.report.summary,
            *(each for section in self.report.sections for each in section.paragraphs),
        ]
        cited = [name for each in paragraphs for name in each.passages if name in self._passages]
        order = dict.fromkeys([*cited, *self._passages])
        return [(number, self._passages[name]) for number, name in enumerate(order, 1)]

    @cached_property
    def statements(self) -> list[Statement]:
        """Sources, one for all facts that differ in their parameters only.

        What follows from other facts has its derivation instead.
        """
        grouped: dict[str, tuple[Source, list[Fact]]] = {}
        for fact in self.report.facts:
            if fact.source and fact.derivation is None:
                key = _statement(fact.source.sql)
                grouped.setdefault(key, (fact.source, []))[1].append(fact)
        return [
            Statement(number, source, tuple(facts))
            for number, (source, facts) in enumerate(grouped.values(), 1)
        ]

    def parameters(self, fact: Fact) -> list[str]:
        """Dates, moments and names that a fact's statement has where others have theirs."""
        sql = fact.source.sql if fact.source else ""
        # The rows are those of the KPI: what follows them differs.
        texts = [text[1:-1].replace("''", "'") for text in _TEXTS.findall(sql[sql.rfind(_ROWS) :])]
        return list(dict.fromkeys(texts))

    def rows(self) -> list[tuple[Row, int]]:
        """Every fact, with the number of its statement (0: none)."""
        numbers = {fact.id: each.number for each in self.statements for fact in each.facts}
        return [(self._row(fact), numbers.get(fact.id, 0)) for fact in self.report.facts]

    def derivation(self, fact: Fact) -> str:
        """How a fact follows from others, e.g. ``(a - b) / |b|``; empty where it does not."""
        if fact.derivation is None:
            return ""
        of, op = fact.derivation.of, fact.derivation.op
        joined = f" {_SIGNS[op]} ".join(of)
        if op == "growth" and len(of) == 2:
            return f"({of[0]} - {of[1]}) / |{of[1]}|"
        return f"({joined}) / {len(of)}" if op == "mean" else joined

    def _row(self, fact: Fact) -> Row:
        change = self._change_of(fact) if fact.kind is Kind.VALUE else None
        aims = (
            other for other in self.report.facts
            if other.kind is Kind.TARGET and other.kpi == fact.kpi and other.entity == fact.entity
        )  # fmt: skip
        target = next(aims, None) if fact.kind is Kind.VALUE else None
        named = not fact.entity or fact.entity.casefold() in fact.label.casefold()
        return Row(
            fact=fact,
            label=fact.label if named else f"{fact.label} · {fact.entity}",
            value=self._shown(fact),
            href=self._url(fact.id),
            period=self._period(fact.period),
            change=self._change(change, fact) if change else None,
            target=format_fact(target, self.language) if target else "",
        )

    def _change_of(self, fact: Fact) -> Fact | None:
        """The change shown beside a figure: against the latest period compared with.

        Of a percentage the change in points says more than its growth, of all else the growth.
        """
        wanted = Kind.DIFFERENCE if fact.unit in {"%", "pp"} else Kind.GROWTH
        changes = [
            other for other in self.report.facts
            if other.kind in {Kind.GROWTH, Kind.DIFFERENCE}
            and (other.kpi, other.entity, other.period) == (fact.kpi, fact.entity, fact.period)
            and other.compared_to and other.value is not None
        ]  # fmt: skip
        return max(changes, key=lambda each: (each.kind is wanted, each.compared_to), default=None)

    def _change(self, change: Fact, figure: Fact) -> Change:
        value = change.value or Decimal(0)
        # What is shown as zero has not moved.
        moved = rounded(value, change.decimals)
        way = "up" if moved > 0 else "down" if moved < 0 else "flat"
        against = self._against(change)
        words: str = getattr(self.labels, way).format(against=against)
        tone = "plain"
        if figure.good != "none" and way != "flat":
            tone = "good" if way == figure.good else "bad"
            judged = self.labels.favourable if tone == "good" else self.labels.unfavourable
            words = f"{words} · {judged}"
        return Change(
            arrow={"up": "▲", "down": "▼", "flat": "▬"}[way],
            value=format_fact(change, self.language, signed=True),
            href=self._url(change.id),
            words=words,
            tone=tone,
        )

    def _against(self, change: Fact) -> str:
        for grain in Grain:
            try:
                period = Period.parse(change.period, grain)
            except PeriodError:
                continue
            if change.compared_to == period.shift(-1).key:
                return self.labels.before[grain]
            if change.compared_to == period.year_before().key:
                return self.labels.year_before
        return self.labels.against.format(period=self._period(change.compared_to))

    def _shown(self, fact: Fact) -> str:
        if fact.value is None:
            return GAP
        if fact.kind is Kind.RANK:
            return format_value(fact.value, "", 0, self.language)
        return format_fact(fact, self.language, signed=fact.kind.signed)

    def _period(self, key: str) -> str:
        try:
            return format_period(key, self.language) if key else ""
        except PeriodError as error:
            raise self._error(error.message) from None

    def _fact(self, name: str, where: str) -> Fact:
        if name not in self._facts:
            raise self._error(f"{where}: fact {name!r} does not exist")
        return self._facts[name]

    def _error(self, what: str) -> PageError:
        report = self.report
        return PageError(f"report {report.name} of {report.period}: {what}", "make it again")


def _statement(sql: str) -> str:
    """A statement without its parameters: dates, names, and how many periods it speaks of."""
    rows, found, condition = sql.rpartition(_ROWS)
    return rows + found + _TEXTS.sub("", _DAYS.sub("", condition))
