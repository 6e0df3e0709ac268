"""Phrases of time: ``yesterday``, ``in the last 7 days``, ``between 1 and 7 October``.

A span that is over is meant where nothing else is said: ``the last 7 days`` end yesterday, ``last
week`` is the last whole one from Monday to Sunday. What the phrase was read as is part of every
answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from reports.questions.dates import COUNT, MONTH, MONTH_NUMBER, NTH, OF, POINTS, YEAR, count_of
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.questions.windows import Clock, Unit, Window, units
from reports.questions.words import Token, fold

EARLIEST = date(1900, 1, 1)
_ALSO_VERBS = ("may", "march", "mar", "mai")
"""Months only where a preposition, a day or a year says so."""
_UNIT: Mapping[Unit, str] = {
    "hour": "hours?|stunden?",
    "day": "days?|tage?n?s?",
    "week": "weeks?|wochen?",
    "month": "months?|monate?n?s?",
    "quarter": "quarters?|quartale?n?s?",
    "year": "years?|jahre?n?s?",
}
_SINGULAR = {
    "hour": "hour|stunde",
    "day": "day|tag(?:es)?",
    "week": "week|woche",
    "month": "month|monats?",
    "quarter": "quarter|quartals?",
    "year": "year|jahr(?:es)?",
}
"""``the last days`` is no period: of how many?"""
_ONE = "|".join(f"(?P<{name}>{words})" for name, words in _SINGULAR.items())
_UNITS = "|".join(f"(?P<{name}>{words})" for name, words in _UNIT.items())
_IN = (
    r"(?:(?:in|on|at|for|during|within|over|from|of|im|in|am|an|der|dem|den|das|die|des|von|vom"
    r"|wahrend|innerhalb|the|uber) )*"
)
_LAST = (
    r"(?:last|past|previous|preceding|prior|recent|most recent|letzte[nrsm]?"
    r"|vergangene[nrsm]?|vorige[nrsm]?|zuruckliegende[nrsm]?|vorherige[nrsm]?)"
)
_THIS = r"(?:this|current|diese[nrsm]?|aktuelle[nrsm]?|laufende[nrsm]?|the current|this current)"


def read_time(at: Sequence[Token], clock: Clock) -> tuple[int, Window] | None:
    """The window that a list of tokens begins with, and how many of them name it.

    Raises:
        AmbiguousError: it may be two days.
        NotUnderstoodError: it names a day that is not there, or ends before it begins.
    """
    text = _text(at)
    found = [
        one for one in (_range(text, clock), _relative(text, clock), _point(text, clock)) if one
    ]
    if not found:
        return None
    length, window = max(found, key=lambda one: one[0])
    return text[:length].count(" ") + 1, window


def _text(at: Sequence[Token]) -> str:
    return " ".join("\0" if token.quoted else token.key.replace(" ", "") for token in at)


def _match(pattern: str, text: str) -> re.Match[str] | None:
    return _compiled(pattern).match(text)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"{fold(pattern).replace('(?p<', '(?P<')}(?= |$)")


def _point(text: str, clock: Clock, lead: str = _IN) -> tuple[int, Window] | None:
    """A day, week, month, quarter or year by its name."""
    best: tuple[int, re.Match[str], int] | None = None
    for number, (pattern, _) in enumerate(POINTS):
        match = _match(lead + pattern, text)
        if match and (best is None or match.end() > best[0]):
            best = (match.end(), match, number)
    if best is None or text[: best[0]] in _ALSO_VERBS:
        return None
    return best[0], POINTS[best[2]][1](best[1], clock)


def _relative(text: str, clock: Clock) -> tuple[int, Window] | None:
    found: list[tuple[int, Window]] = []

    def add(pattern: str, unit: Unit, offset: int, count: int = 1) -> None:
        if match := _match(_IN + pattern, text):
            found.append((match.end(), units(clock, unit, offset, count)))

    add(r"(?:today|heute|heutigen tage?s?)(?: so far| bisher)?", "day", 0)
    add(r"(?:yesterday|gestern|gestrigen tage?s?)", "day", -1)
    add(r"(?:the )?(?:day before yesterday|vorgestern)", "day", -2)
    add(r"(?:(?:the )?week before last|vorletzte[nr]? woche)", "week", -2)
    add(r"(?:(?:the )?month before last|vorletzte[nrs]? monat)", "month", -2)
    add(r"(?:vorwoche)", "week", -1)
    add(r"(?:vormonate?s?)", "month", -1)
    add(r"(?:vorjahre?s?)", "year", -1)
    add(r"(?:vorquartale?s?)", "quarter", -1)
    begun = (
        r"(?:since (?:the )?(?:beginning|start) of (?:the |this )?|seit (?:dem )?(?:anfang|beginn) "
        rf"(?:des |der |dieses |dieser )?)(?:{_ONE})(?: bisher)?"
    )
    if match := _match(begun, text) or _match(rf"(?:{_ONE}) to date", text):
        found.append((match.end(), _to_date(_unit(match), clock)))
    if match := _match(r"seit (?P<begun>jahres|monats|wochen|quartals)(?:beginn|anfang)", text):
        found.append((match.end(), _to_date(_BEGUN[match["begun"]], clock)))
    if match := _match(r"(?P<todate>ytd|mtd|wtd)", text):
        found.append((match.end(), _to_date(_BEGUN[match["todate"]], clock)))
    if match := _match(rf"{_IN}{_LAST} (?:full |complete |whole |volle[nrs]? )?(?:{_ONE})", text):
        found.append((match.end(), units(clock, _unit(match), -1)))
    if match := _match(rf"{_IN}{_LAST} (?P<n>{COUNT}) (?:full )?(?:{_UNITS})", text):
        count = count_of(match["n"])
        if not 1 <= count <= 1000:
            raise NotUnderstoodError(f"{count} is no number of periods, expected 1 to 1000")
        found.append((match.end(), units(clock, _unit(match), -1, count)))
    if match := _match(rf"{_IN}{_THIS} (?:{_ONE})(?: so far| bisher)?", text):
        found.append((match.end(), units(clock, _unit(match), 0)))
    ago = _match(rf"{_IN}(?P<n>{COUNT}) (?:{_UNITS}) ago", text) or _match(
        rf"{_IN}vor (?P<n>{COUNT}) (?:{_UNITS})", text
    )
    if ago:
        found.append((ago.end(), _ago(_unit(ago), count_of(ago["n"]), clock)))
    return max(found, key=lambda one: one[0], default=None)


def _ago(unit: Unit, count: int, clock: Clock) -> Window:
    """So many hours or days before now.

    Raises:
        AmbiguousError: two weeks ago is a week, or the day two weeks before today.
    """
    found = units(clock, unit, -count)
    if unit in ("hour", "day"):
        return found
    days = count * 7 if unit == "week" else 0
    day = clock.today - timedelta(days=days) if days else None
    choices = [found.words("en").removesuffix(f" ({clock.zone})")]
    raise AmbiguousError(
        f"{count} {unit}s ago is a {unit} or a day", [*choices, *([str(day)] if day else [])]
    )


_BEGUN: Mapping[str, Unit] = {
    "jahres": "year", "monats": "month", "wochen": "week", "quartals": "quarter",
    "ytd": "year", "mtd": "month", "wtd": "week",
}  # fmt: skip


def _to_date(unit: Unit, clock: Clock) -> Window:
    """From the beginning of the current unit to today."""
    begun = units(clock, unit, 0)
    if begun.first is None:
        raise NotUnderstoodError("an hour to date is not understood")
    return _days(begun.first, clock.today + timedelta(days=1), clock)


def _unit(match: re.Match[str]) -> Unit:
    return next(name for name in _UNIT if match[name])


def _range(text: str, clock: Clock) -> tuple[int, Window] | None:
    """From one to another: both ends are in it."""
    if found := _days_of_month(text, clock):
        return found
    pairs = (
        (r"(?:in the period |in der zeit |im zeitraum )?(?:between|zwischen) (?:the |dem |der )?",
         r"(?:and|und) (?:the |dem |der )?"),
        (r"(?:in the period |in der zeit |im zeitraum )?(?:from|von|vom) (?:the |dem |der )?",
         r"(?:to|until|till|through|up to|bis|bis zum|bis zur|bis einschliesslich) (?:the )?"),
        (r"", r"(?:to|until|till|through|bis|bis zum|-) "),
    )  # fmt: skip
    for lead, join in pairs:
        if (begin := _match_lead(lead, text)) is None:
            continue
        for first_end, first in _ends(text[begin:], clock):
            rest = text[begin + first_end :].lstrip()
            start = len(text) - len(rest)
            joined = re.match(fold(join), rest)
            if joined is None:
                continue
            for last_end, last in _ends(rest[joined.end() :], clock):
                return start + joined.end() + last_end, _between(first, last, clock)
    return _open(text, clock)


def _match_lead(lead: str, text: str) -> int | None:
    match = re.match(fold(lead), text)
    return match.end() if match else None


def _ends(text: str, clock: Clock) -> list[tuple[int, Window]]:
    """What a range may begin or end with."""
    found = [one for one in (_point(text, clock, ""), _relative(text, clock)) if one]
    return sorted(found, key=lambda one: -one[0])[:1]


def _days_of_month(text: str, clock: Clock) -> tuple[int, Window] | None:
    """``1 to 7 October 2026``, ``between the 1st and the 7th of October``."""
    pattern = (
        rf"(?:between|zwischen|from|von|vom|{_IN[3:-2]})?(?: )?(?:the |dem |der )?(?P<a>{NTH}) "
        rf"(?:to|until|till|through|and|und|bis|bis zum|-) (?:the |dem )?(?P<b>{NTH}) (?:of )?"
        rf"(?P<m>{MONTH})(?: {OF}(?P<y>{YEAR}))?"
    )
    other = (
        rf"{_IN}(?:between |from )?(?P<m>{MONTH}) (?P<a>{NTH}) (?:to|until|till|through|and|-) "
        rf"(?P<b>{NTH})(?: {OF}(?P<y>{YEAR}))?"
    )
    match = _match(pattern, text) or _match(other, text)
    if match is None:
        return None
    # This month's days may be to come: the year is this one.
    this = MONTH_NUMBER[match["m"]] == clock.today.month
    year = match["y"] or (clock.today.year if this else "")
    ends: list[Window] = []
    for part in ("a", "b"):
        point = _point(f"{match[part]} {match['m']} {year}".strip(), clock, "")
        assert point is not None  # noqa: S101 (the pattern is that of a day)
        ends.append(point[1])
    return match.end(), _between(ends[0], ends[1], clock)


def _open(text: str, clock: Clock) -> tuple[int, Window] | None:
    """``since``, ``until``, ``before``, ``after`` a date."""
    for lead, kind in (
        (
            r"(?:since|ever since|seit|starting|ab|beginning|from|von|vom) (?:the |dem |der )?",
            "since",
        ),
        (r"(?:until|till|up to|bis|bis zum|bis einschliesslich|through) (?:the )?", "until"),
        (r"(?:before|prior to|vor) (?:the |dem |der )?", "before"),
        (r"(?:after|nach) (?:the |dem |der )?", "after"),
    ):
        match = re.match(fold(lead), text)
        if match is None:
            continue
        point = _point(text[match.end() :], clock, "")
        if point is None and kind in ("since", "until"):
            point = _relative(text[match.end() :], clock)
        if point is None or (kind == "since" and match[0].split()[0] in _NEED_ONWARDS):
            if point is None:
                continue
            onwards = re.match(r" (?:on|onwards|onward|an)(?= |$)", text[match.end() + point[0] :])
            if onwards is None:
                continue
            point = (point[0] + onwards.end(), point[1])
        window = point[1]
        now = clock.today + timedelta(days=1)
        if window.first is None or window.after is None:
            continue
        if kind in ("since", "after"):
            first = window.first if kind == "since" else window.after
            made = _days(first, now, clock)
        else:
            made = _days(EARLIEST, window.after if kind == "until" else window.first, clock)
        return match.end() + point[0], made
    return None


_NEED_ONWARDS = ("from", "von", "vom")
"""``from 1 October`` alone may be that day or all days since."""


def _days(first: date, after: date, clock: Clock) -> Window:
    if after <= first:
        raise NotUnderstoodError(f"{first} is not before {after}: the period ends before it begins")
    return Window.days(first, after, clock.zone)


def _between(first: Window, last: Window, clock: Clock) -> Window:
    if first.first is None or last.after is None:
        raise NotUnderstoodError("a period from one hour to another is not understood", "name days")
    begin = first.first
    if begin >= last.after and begin.year == last.after.year + 1:
        # `from 1 October to 7 October 2025`: the year stands at the end, and is of both.
        begin = begin.replace(year=begin.year - 1)
    if (first.unit, first.count, last.unit) == ("day", 1, "day"):
        days = (last.after - begin).days
        if days == 1:
            return last
    return _days(begin, last.after, clock)


def everything(clock: Clock) -> Window:
    """All the time there is."""
    return Window(
        datetime(EARLIEST.year, 1, 1, tzinfo=UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
        clock.zone,
        None,
        None,
        "",
    )
