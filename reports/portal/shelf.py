"""What somebody may read, found and searched."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.citable import report_of
from reports.document import Passage, Report
from reports.portal.addresses import NAME_PATTERN, PERIOD_PATTERN
from reports.portal.users import User
from reports.store import JSON, PDF, NoSuchReportError, ReportStore

_LOG = logging.getLogger(__name__)
_AROUND = 90
"""Characters shown on either side of a hit."""
_MOST_WORDS = 8


@dataclass(frozen=True)
class Card:
    """A report in a list.

    Attributes:
        held: why it may not be delivered; only admins see such a report.
        texts: its headings and paragraphs, to search in.
    """

    name: str
    period: str
    title: str
    period_label: str
    language: str
    audience: str
    held: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """A report that holds every word searched for.

    Attributes:
        card: which.
        excerpt: the passage of the first hit, in pieces; every second piece is a hit.
    """

    card: Card
    excerpt: tuple[str, ...]


class UnreadableReportError(WeirError):
    """A finished report's file does not hold a report."""


class Shelf:
    """Reports of the store as users see them; a report is read again only when it changed."""

    def __init__(self, settings: Settings) -> None:
        self._store = ReportStore(settings)
        self._report = lru_cache(maxsize=32)(self._read_report)
        self._card = lru_cache(maxsize=4096)(self._read_card)

    def open(self, user: User, name: str, period: str) -> Report:
        """A report for a user.

        Raises:
            NoSuchReportError: it has not been made, or is not theirs to read: which of the two
                is not told.
            UnreadableReportError: its file is malformed.
        """
        _refuse_odd(name, period)
        if not user.may_read(name):
            raise NoSuchReportError(f"no report {name} of {period}")
        report = self._report(name, period, self._changed(name, period))
        if report.held and not user.admin:
            raise NoSuchReportError(f"no report {name} of {period}")
        return report

    def passages(self, user: User, report: Report) -> list[Passage]:
        """What a report cites, without past reports that the user may not read (any more)."""
        shown = []
        for passage in report.passages:
            if past := report_of(passage.document):
                try:
                    self.open(user, *past)
                except WeirError:
                    continue
            shown.append(passage)
        return shown

    def pdf(self, report: Report) -> Path | None:
        """The PDF's file of a report that was opened here; None where it has none."""
        path = self._store.path(report.name, report.period, PDF)
        return path if path.is_file() else None

    def cards(self, user: User) -> list[Card]:
        """What a user may read: reports by name, the newest period first."""
        return list(self._cards(user, self._store.names()))

    def periods(self, user: User, name: str) -> list[str]:
        """Periods of one report that a user may read, newest first; none for another's."""
        return [card.period for card in self._cards(user, [name])]

    def search(self, user: User, words: str) -> list[Hit]:
        """Reports whose title or text hold every word; title hits first, then the newest."""
        wanted = [word.casefold() for word in words.split()[:_MOST_WORDS]]
        if not wanted:
            return []
        hits: list[tuple[bool, Hit]] = []
        for card in sorted(self.cards(user), key=lambda card: card.period, reverse=True):
            title = f"{card.title} {card.period_label} {card.name} {card.period}"
            everything = " ".join((title, *card.texts)).casefold()
            if all(word in everything for word in wanted):
                in_title = any(word in title.casefold() for word in wanted)
                hits.append((not in_title, Hit(card, excerpt(card.texts, wanted))))
        return [hit for _, hit in sorted(hits, key=lambda found: found[0])]

    def _cards(self, user: User, names: Iterable[str]) -> Iterator[Card]:
        for name in names:
            if not re.fullmatch(NAME_PATTERN, name) or not user.may_read(name):
                continue
            for period in reversed(self._store.periods(name)):
                if not re.fullmatch(PERIOD_PATTERN, period):
                    continue
                try:
                    card = self._card(name, period, self._changed(name, period))
                except WeirError as error:
                    # One report that cannot be read must not take the others away.
                    _LOG.warning("%s", error)
                    continue
                if user.admin or not card.held:
                    yield card

    def _changed(self, name: str, period: str) -> int:
        path = self._store.path(name, period, JSON)
        return path.stat().st_mtime_ns if path.is_file() else 0

    def _load(self, name: str, period: str) -> Report:
        try:
            return self._store.load(name, period)
        except ValidationError as error:
            where = ", ".join(".".join(map(str, found["loc"])) for found in error.errors()[:3])
            path = self._store.path(name, period, JSON)
            raise UnreadableReportError(
                f"report {name} of {period} ({path}) is malformed at {where or 'its start'}",
                f"make it again: weir report {name} --period {period}",
            ) from error

    def _read_report(self, name: str, period: str, _changed: int) -> Report:
        return self._load(name, period)

    def _read_card(self, name: str, period: str, _changed: int) -> Card:
        report = self._load(name, period)
        texts = [paragraph.text for paragraph in report.summary]
        for section in report.sections:
            texts.append(section.heading)
            texts += [paragraph.text for paragraph in section.paragraphs]
            texts += [chart.title for chart in section.charts]
        return Card(
            name=name,
            period=period,
            title=report.title,
            period_label=report.period_label,
            language=report.language,
            audience=report.audience,
            held=report.held,
            texts=tuple(texts),
        )


def excerpt(texts: tuple[str, ...], words: list[str]) -> tuple[str, ...]:
    """The passage around the first hit, cut at each hit: plain, hit, plain, … , plain."""
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    for text in texts:
        if found := pattern.search(text):
            start = max(0, found.start() - _AROUND)
            end = min(len(text), found.end() + _AROUND)
            passage = ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
            pieces = re.split(f"({pattern.pattern})", passage, flags=re.IGNORECASE)
            return tuple(pieces)
    return ()


def _refuse_odd(name: str, period: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name) or not re.fullmatch(PERIOD_PATTERN, period):
        raise NoSuchReportError("no report of that name and period")
