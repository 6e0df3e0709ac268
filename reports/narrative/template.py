"""The template narrator: plain prose from facts alone, the finding first.

The same brief gives the same text. Every figure shown is a fact's value as
:func:`reports.wording.format_value` writes it; where words say a fall its figure
stands without a sign, and a contribution keeps its sign.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

from babel.lists import format_list

from reports.facts.model import Fact
from reports.language import locale_of
from reports.narrative.brief import Brief, Draft, Story
from reports.narrative.languages import language_of, phrases_of
from reports.narrative.reading import TOP, Change, Members, Reading, shown
from reports.periods import Period
from reports.wording import format_fact, format_period, format_value

NAME = "template"
"""Name of this narrator in a report."""


def tell(brief: Brief) -> Story:
    """Write a report from its facts.

    A language without sentences of its own is written in English
    (:func:`reports.narrative.languages.language_of`).
    """
    return Teller(brief).story()


About = Literal["finding", "movers", "leaders"]
"""What one sentence on a KPI may be about."""


@dataclass(frozen=True)
class _Sentence:
    text: str
    facts: tuple[str, ...] = ()


class Teller:
    """Tells one brief; counts sentences, so that neighbours differ."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._language = language_of(brief.language)
        self._phrases = phrases_of(brief.language)
        self._readings: dict[str, Reading] = {}
        self._first = crc32(f"{brief.name}/{brief.period.key}".encode())
        self._told = self._first

    def story(self) -> Story:
        """See :func:`tell`."""
        summary = [
            [self._verdicts()],
            [self._finding(self._reading(kpi)) for kpi in self._brief.kpis],
            [self._gaps()],
        ]
        sections = {
            section.id: self._paragraphs(
                (one for kpi in section.kpis for one in self._about(self._reading(kpi))),
                between=self._phrases.space,
            )
            for section in self._brief.sections
        }
        # A line each: a finding that ends in a unit as short as "t" must still end its sentence.
        return Story(self._paragraphs(summary, between="\n"), sections)

    def sentence(self, kpi: str, about: About) -> Draft | None:
        """One sentence on a KPI, for the title of a chart; None where there is nothing to say.

        It does not depend on what was asked before.

        Args:
            kpi: id of the KPI.
            about: its value and change, who made the change, or who is largest.
        """
        self._told = self._first
        reading = self._reading(kpi)
        said: list[_Sentence | None] = [self._finding(reading)]
        if about != "finding":
            if not reading.dimensions:
                return None
            members = reading.dimensions[0]
            said = [*self._movers(reading, members)]
            if about == "leaders":
                said = self._members(reading, members)[len(said) :]
        drafts = self._paragraphs([said[:1]], "")
        return drafts[0] if drafts else None

    def _about(self, reading: Reading) -> list[list[_Sentence | None]]:
        """The paragraphs on one KPI: what happened, then who made it."""
        first = [
            self._finding(reading) or self._no_data([reading.label]),
            self._verdict(reading),
            self._rank(reading),
            *[self._comparison(change) for change in reading.changes[1:]],
            *[self._without_base(period) for period in reading.unknown_bases],
            self._target(reading),
            self._trend(reading),
        ]
        return [first, *[self._members(reading, members) for members in reading.dimensions]]

    def _finding(self, reading: Reading) -> _Sentence | None:
        value, phrases = reading.value, self._phrases
        if value is None:
            return None
        said = {"label": reading.label, "value": self._figure(value)}
        if not reading.changes:
            return _Sentence(self._vary(phrases.stood).format(**said), (value.id,))
        change = reading.changes[0]
        variants = {1: phrases.rose, -1: phrases.fell, 0: phrases.held}[change.direction]
        pattern = self._vary(variants)
        compared, facts = self._compared(change, pattern)
        return _Sentence(pattern.format(**said, **compared), (value.id, *facts))

    def _comparison(self, change: Change) -> _Sentence:
        phrases = self._phrases
        pattern = {1: phrases.more, -1: phrases.less, 0: phrases.level}[change.direction]
        compared, facts = self._compared(change, pattern)
        return _Sentence(pattern.format(**compared), facts)

    def _compared(self, change: Change, pattern: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """What a pattern says of a change, and the facts that it shows."""
        said = {"relation": self._relation(change.to), "base": "", **self._sizes(change.fact)}
        if change.base is None or not self._phrases.base or "{base}" not in pattern:
            return said, (change.fact.id,)
        said["base"] = self._phrases.base.format(base=self._figure(change.base))
        return said, (change.fact.id, change.base.id)

    def _verdict(self, reading: Reading) -> _Sentence | None:
        """Said only where up is not good, for there a reader may err."""
        if not reading.changes or reading.changes[0].fact.good != "down":
            return None
        change = reading.changes[0]
        text = {-1: self._phrases.better, 1: self._phrases.worse}.get(change.direction)
        return _Sentence(text, (change.fact.id,)) if text else None

    def _verdicts(self) -> _Sentence | None:
        """KPIs that did better and worse than in the first compared period."""
        if not self._brief.compared:
            return None
        to = self._brief.compared[0]
        sides: dict[int, list[tuple[str, str]]] = {1: [], -1: []}
        for reading in map(self._reading, self._brief.kpis):
            for change in reading.changes[:1]:
                good = {"up": 1, "down": -1, "none": 0}[change.fact.good] * change.direction
                if good and change.to == to:
                    sides[good].append((reading.label, change.fact.id))
        texts = [
            pattern.format(
                list=self._list(label for label, _ in sides[side]), relation=self._relation(to)
            )
            for side, pattern in ((1, self._phrases.improved), (-1, self._phrases.worsened))
            if sides[side]
        ]
        facts = tuple(fact for side in sides.values() for _, fact in side)
        return _Sentence(self._phrases.space.join(texts), facts) if texts else None

    def _without_base(self, period: Period) -> _Sentence:
        return _Sentence(self._phrases.no_base.format(relation=self._relation(period)))

    def _target(self, reading: Reading) -> _Sentence | None:
        target, value = reading.target, reading.value
        if target is None or target.value is None or value is None or value.value is None:
            return None
        good = target.good if target.good != "none" else value.good
        gain = {"up": 1, "down": -1, "none": 0}[good] * (value.value - target.value)
        pattern = self._phrases.target_met if gain >= 0 else self._phrases.target_missed
        if good == "none":
            pattern = self._phrases.target_plain
        share, facts = "", [target.id, value.id]
        # "Missed, 100 % reached" would look like a mistake: near the target no share is said.
        if reading.share_of_target is not None and shown(reading.share_of_target) != 100:
            of = self._figure(reading.share_of_target)
            share = self._phrases.target_share.format(share=of)
            facts.append(reading.share_of_target.id)
        return _Sentence(pattern.format(target=self._figure(target), share=share), tuple(facts))

    def _rank(self, reading: Reading) -> _Sentence | None:
        """Its place among the last periods, counted from the nearer end."""
        rank = reading.rank
        if rank is None or reading.value is None or not rank.among:
            return None
        phrases, place = self._phrases, int(rank.value or 0)
        from_below = rank.among + 1 - place
        near = min(place, from_below)
        word = phrases.places[near - 2 : near - 1]
        if near == 1:
            pattern = phrases.rank_top if place == 1 else phrases.rank_bottom
        elif word:
            pattern = phrases.rank if place <= from_below else phrases.rank_low
        else:
            pattern = phrases.rank_figure
        said = {"rank": word[0] if word else self._figure(rank), "window": self._window(rank)}
        return _Sentence(pattern.format(**said), (rank.id,))

    def _window(self, rank: Fact) -> str:
        """The periods that a rank is among: ``the last eight weeks``."""
        phrases, grain, among = self._phrases, self._brief.period.grain, rank.among
        word = phrases.counts[among - 2 : among - 1]
        many = phrases.many and locale_of(self._language).plural_form(among) == "many"
        pattern = (phrases.many if many else phrases.few)[grain]
        periods = pattern.format(count=word[0] if word else among)
        first = Period.parse(rank.compared_to, grain)
        whole = first == self._brief.period.shift(1 - among)
        window = phrases.window if whole else phrases.window_with_data
        return window.format(periods=periods)

    def _trend(self, reading: Reading) -> _Sentence | None:
        trend = reading.trend
        if trend is None or not shown(trend):
            return None
        pattern = self._phrases.trend_up if shown(trend) > 0 else self._phrases.trend_down
        each = self._phrases.each[self._brief.period.grain]
        return _Sentence(pattern.format(each=each, **self._sizes(trend)), (trend.id,))

    def _members(self, reading: Reading, members: Members) -> list[_Sentence | None]:
        values = members.values
        parts: list[_Sentence | None] = [*self._movers(reading, members)]
        if values:
            leader, facts = values[0], [values[0].id]
            share = ""
            if of := members.shares.get(leader.entity):
                share = self._phrases.share.format(share=self._figure(of))
                facts.append(of.id)
            pattern = self._vary(self._phrases.leader)
            text = pattern.format(
                entity=leader.entity,
                label=reading.label,
                value=self._figure(leader),
                share=share,
            )
            parts.append(_Sentence(text, tuple(facts)))
        if after := [fact for fact in values[1:TOP] if fact.value]:
            named = self._list(self._item(fact, self._figure(fact)) for fact in after)
            facts = [fact.id for fact in after]
            parts.append(_Sentence(self._phrases.next.format(list=named), tuple(facts)))
        if members.missing:
            parts.append(self._no_data(members.missing))
        return parts

    def _movers(self, reading: Reading, members: Members) -> list[_Sentence]:
        """Who made the change that the contributions are about, and who moved against it."""
        compared = {fact.compared_to for fact in members.contributions}
        change = next((one for one in reading.changes if one.to.key in compared), None)
        if change is None or not change.direction:
            return []
        phrases = self._phrases
        sizes = {fact.entity: fact.value for fact in members.values}
        made = phrases.made_rise if change.direction > 0 else phrases.made_fall
        told = []
        for direction, pattern in ((change.direction, made), (-change.direction, phrases.against)):
            movers = [
                fact for fact in members.movers(direction) if fact.compared_to == change.to.key
            ]
            if movers:
                # All of it is new, or gone: the value says so, the change nothing more. Such
                # members come last: a figure behind two names would be of both.
                whole = [fact for fact in movers if sizes.get(fact.entity) == fact.value]
                named = self._list(
                    [
                        *(
                            self._item(fact, format_fact(fact, self._language, signed=True))
                            for fact in movers
                            if fact not in whole
                        ),
                        *(fact.entity for fact in whole),
                    ]
                )
                facts = tuple(fact.id for fact in movers)
                told.append(_Sentence(pattern.format(label=reading.label, list=named), facts))
        return told

    def _gaps(self) -> _Sentence | None:
        missing = [
            reading.label
            for reading in map(self._reading, self._brief.kpis)
            if reading.value is None
        ]
        return self._no_data(missing) if missing else None

    def _no_data(self, names: Iterable[str]) -> _Sentence:
        """The reason of a gap stays in its notice: it may hold numbers that are no facts."""
        return _Sentence(self._phrases.gap.format(list=self._list(names)))

    def _relation(self, period: Period) -> str:
        now = self._brief.period
        if period == now.shift(-1):
            return self._phrases.previous[now.grain]
        if period == now.year_before():
            return self._phrases.year_before[now.grain]
        return format_period(period.key, self._language)

    def _reading(self, kpi: str) -> Reading:
        return self._readings.setdefault(kpi, Reading(self._brief, kpi))

    def _vary(self, variants: tuple[str, ...]) -> str:
        self._told += 1
        return variants[self._told % len(variants)]

    def _figure(self, fact: Fact) -> str:
        return format_fact(fact, self._language)

    def _sizes(self, fact: Fact) -> dict[str, str]:
        """A change without its sign, where words say it, and with it."""
        size = format_value(abs(shown(fact)), fact.unit, fact.decimals, self._language)
        return {"change": size, "signed": format_fact(fact, self._language, signed=True)}

    def _item(self, fact: Fact, figure: str) -> str:
        return self._phrases.item.format(entity=fact.entity, figure=figure)

    def _list(self, names: Iterable[str]) -> str:
        if comma := self._phrases.comma:
            return comma.join(names)
        return format_list(list(names), locale=self._language.replace("-", "_"))

    @staticmethod
    def _paragraphs(paragraphs: Iterable[list[_Sentence | None]], between: str) -> list[Draft]:
        drafts = []
        for paragraph in paragraphs:
            said = [sentence for sentence in paragraph if sentence is not None]
            if said:
                text = between.join(sentence.text for sentence in said)
                facts = dict.fromkeys(fact for sentence in said for fact in sentence.facts)
                drafts.append(Draft(text, tuple(facts)))
        return drafts
