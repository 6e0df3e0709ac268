"""Periods and dates: what a key or words mean, and where a text names one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from babel.dates import get_month_names

from reports.guard.language import locale
from reports.guard.text import plain


@dataclass(frozen=True)
class When:
    """A period as far as its words say: unsaid parts are None.

    Attributes:
        kind: ``day``, ``week``, ``month``, ``quarter``, ``half``, ``year``, ``span`` (from one
            to another), ``back`` (so many periods before) or ``months`` (so many, ended).
        year: calendar or fiscal year; ISO year of a week.
        part: number of the week, month, quarter, half, or count of ``months`` and ``back``.
        day: day of the month.
        first, last: ends of a ``span``.
    """

    kind: str
    year: int | None = None
    part: int | None = None
    day: int | None = None
    first: When | None = None
    last: When | None = None

    def same(self, other: When) -> bool:
        """Whether both can be the same period."""
        if self.kind != other.kind:
            return self.bounds() is not None and self.bounds() == other.bounds()
        if self.kind == "span":
            return (
                self.first is not None and other.first is not None
                and self.last is not None and other.last is not None
                and self.first.same(other.first) and self.last.same(other.last)
            )  # fmt: skip
        pairs = ((self.year, other.year), (self.part, other.part), (self.day, other.day))
        return all(a is None or b is None or a == b for a, b in pairs)

    def bounds(self) -> tuple[date, date] | None:
        """First and last day, where the words say enough."""
        if self.kind == "span":
            left = self.first.bounds() if self.first else None
            right = self.last.bounds() if self.last else None
            return (left[0], right[1]) if left and right else None
        if self.year is None:
            return None
        try:
            return self._bounds(self.year)
        except ValueError:
            return None

    def _bounds(self, year: int) -> tuple[date, date] | None:  # noqa: PLR0911 - a case a line
        if self.kind == "year":
            return date(year, 1, 1), date(year, 12, 31)
        if self.part is None:
            return None
        if self.kind == "day":
            if self.day is None:
                return None
            return date(year, self.part, self.day), date(year, self.part, self.day)
        if self.kind == "week":
            monday = date.fromisocalendar(year, self.part, 1)
            return monday, monday + timedelta(days=6)
        length = {"month": 1, "quarter": 3, "half": 6}.get(self.kind)
        if length is None:
            return None
        first = date(year, (self.part - 1) * length + 1, 1)
        after = first.month + length
        return first, date(year + (after > 12), (after - 1) % 12 + 1, 1) - timedelta(days=1)

    def holds(self, other: When) -> bool:
        """Whether the other lies within this one."""
        outer, inner = self.bounds(), other.bounds()
        return bool(outer and inner and outer[0] <= inner[0] and inner[1] <= outer[1])


@dataclass(frozen=True)
class Named:
    """A period that a text names, and where; ``bare`` is a year that may be a plain number."""

    start: int
    end: int
    when: When
    bare: bool = False


_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4,
    "erste": 1, "ersten": 1, "erstes": 1, "zweite": 2, "zweiten": 2, "zweites": 2, "dritte": 3,
    "dritten": 3, "drittes": 3, "vierte": 4, "vierten": 4, "viertes": 4,
    "1.": 1, "2.": 2, "3.": 3, "4.": 4,
}  # fmt: skip
_COUNTS = {"three": 3, "six": 6, "nine": 9, "twelve": 12, "drei": 3, "sechs": 6, "neun": 9}
_ORD = "|".join(re.escape(word) for word in sorted(_ORDINALS, key=len, reverse=True))
_Y = r"(?P<y>(?:19|20)\d\d)"
_OPT_Y = (
    r"(?:,?\s*(?:of\s+|von\s+|des Jahres\s+|in\s+)?(?:fiscal\s+|FY\s*)?(?:year\s+)?"
    r"(?P<y>(?:19|20)\d\d))?"
)
_FISCAL = r"(?:fiscal(?: year)?|financial year|Geschäftsjahr\w*|FY|Haushaltsjahr)"


_VERBS = frozenset({"may", "mar", "march"})


@cache
def _months(language: str) -> dict[str, int]:
    names: dict[str, int] = {}
    for name_of in {"en", str(locale(language))}:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, name_of).items():
                    if not name[0].isdigit():
                        names[name.rstrip(".").lower()] = number
    names["sept"] = 9
    return names


@cache
def _patterns(language: str) -> list[tuple[str, re.Pattern[str]]]:
    months = "|".join(re.escape(name) for name in sorted(_months(language), key=len, reverse=True))
    month = rf"(?P<m>{months})\b\.?"
    day = r"(?P<d>[0-3]?\d)(?:st|nd|rd|th|\.)?"
    mdy = rf"{month}\s+{day},?\s+{_Y}"
    dmy = rf"{day}\s*(?:of\s+)?{month},?\s+{_Y}"
    ended = r"(?:ended|ending|to|end(?:et|ete)?|zum)\s+(?:on\s+|am\s+)?"
    count = rf"(?P<c>three|six|nine|twelve|drei|sechs|neun|\d\d?)\s+(?:months?|Monate)\s+{ended}"
    week = r"(?:(?:calendar\s+)?weeks?|KW|Kalenderwoche|Woche|W)\s*(?P<w>\d\d?)"
    quarter = rf"(?:Q(?P<q>[1-4])|(?P<o>{_ORD})[- ](?:fiscal\s+)?(?:quarter|Quartal)s?"
    half = rf"(?:H(?P<q>[12])|(?P<o>{_ORD})[- ](?:half|Halbjahr|Hälfte)(?:\s+year)?)"
    no_year = (
        r"(?!\d|[.,/]\d|\s*(?:%|percent|million|billion|thousand|Mio|Mrd|[kKmMbB]n?\b|"
        r"[万億兆円]|€|\$|£))"
    )
    second = r"(?P<y2>(?:19|20)\d\d|\d\d(?!\d))(?![\d%])"
    before = r"(?<![\d.,$£€¥+#/-])"
    raw = [
        ("week", r"(?P<y>(?:19|20)\d\d)-?W(?P<w>\d\d)(?!\d)"),
        ("day", rf"{_Y}-(?P<n>\d\d)-(?P<d>\d\d)(?!\d)"),
        ("quarter", rf"{_Y}[- ]?Q(?P<q>[1-4])"),
        ("day", rf"{_Y}\s?年\s?(?P<n>\d?\d)\s?月\s?(?P<d>\d?\d)\s?日"),
        ("month", rf"{_Y}\s?年\s?(?P<n>\d?\d)\s?月"),
        ("year", rf"{_Y}\s?年度?"),
        ("day", r"(?P<d>[0-3]?\d)\.\s?(?P<n>[01]?\d)\.\s?(?P<y>(?:19|20)\d\d)"),
        ("us_day", r"(?P<n>[01]?\d)/(?P<d>[0-3]?\d)/(?P<y>(?:19|20)\d\d)"),
        ("months", rf"{count}{mdy}"),
        ("months", rf"{count}{dmy}"),
        ("quarter_ended", rf"(?:quarters?|Quartal)\s+{ended}{mdy}"),
        ("quarter_ended", rf"(?:quarters?|Quartal)\s+{ended}{dmy}"),
        ("year", rf"(?:(?:{_FISCAL}|years?|Jahre?s?)\s+)+{ended}{mdy}"),
        ("year", rf"(?:(?:{_FISCAL}|years?|Jahre?s?)\s+)+{ended}{dmy}"),
        ("days", rf"(?P<d1>[0-3]?\d)\.?\s*(?:-|\u2013|to|bis)\s*{dmy}"),
        ("days", rf"{month}\s+(?P<d1>[0-3]?\d)\s*(?:-|\u2013|to)\s*{day},?\s+{_Y}"),
        ("day", mdy),
        ("day", dmy),
        ("week", rf"{week}(?!\d)(?:\s*/\s*|,?\s*(?:of|von|in|des Jahres)?\s*){_Y}"),
        ("week", rf"{week}(?![\d.,]*\d)"),
        ("quarter", rf"{quarter}(?!\s+of\s+(?:the|all|our)\b)){_OPT_Y}(?!\d)"),
        ("half", rf"{half}{_OPT_Y}(?!\d)"),
        ("month", rf"{month}\s*(?:of\s+)?,?\s*{_Y}"),
        ("month", rf"{_Y}-(?P<n>0[1-9]|1[0-2])(?![\d-])"),
        ("day", rf"{month}\s+(?P<d>[0-3]?\d)(?:st|nd|rd|th)?(?![\d.,]*\d)(?!\s*(?:%|per))"),
        ("day", rf"(?<![\d.,])(?P<d>[0-3]?\d)(?:st|nd|rd|th|\.)?\s+(?:of\s+)?{month}"),
        ("years", rf"(?:{_FISCAL}\s+)?{_Y}\s*[-\u2013/]\s*(?:{_FISCAL}\s+)?{second}"),
        ("year", rf"(?:{_FISCAL}|F)[ '-]?(?P<y>(?:19|20)?\d\d)(?!\d)"),
        ("bare_year", rf"{before}(?:(?:the )?(?:calendar )?(?:year|Jahre?)\s+)?{_Y}s?{no_year}"),
        ("month", month),
    ]  # fmt: skip
    return [(kind, re.compile(rf"(?<![A-Za-z]){pattern}", re.IGNORECASE)) for kind, pattern in raw]


_BACK = re.compile(
    r"(?:the |a |one )?(?:(?:previous|prior|preceding|last|past) (?P<u1>week|month|"
    r"quarter|year|day)"
    r"|(?P<u2>week|month|quarter|year|day) (?:before|earlier|ago)"
    r"|(?P<u3>week|month|quarter|year|day)[- ](?:on|over|by|to|upon)[- ](?P=u3)"
    r"|(?P<u5>year|month|week|quarter|day)ly change"
    r"|(?P<u6>[ymwqd])(?:[- ]?o[- ]?|/)(?P=u6)"
    r"|(?<=over )the (?P<u7>week|month|quarter|year|day)(?! (?:before|as|to|of))"
    r"|(?<=on )the (?P<u8>week|month|quarter|year|day)(?! (?:before|as|to|of))"
    r"|(?P<u9>yesterday|gestern)"
    r"|(?:letzte|vergangene|vorige|vorherige)[nmrs]? (?P<ua>Woche|Monat|Quartal|Jahr|Tag)e?s?)\b"
    r"|\b(?P<u4>Vorwoche|Vormonat|Vorquartal|Vorjahr|Vortag)(?:e?s|es)?"
    r"(?P<w5>woche|monat|quartal)?\b"
    r"|(?:前|昨|先)(?P<ub>日|週|月|年)(?:同(?:曜日|週|月|日))?"
    r"|(?:(?:اليوم|الأسبوع|الشهر) نفسه من )?(?P<uc>اليوم|الأسبوع|الشهر|العام) (?:السابق|الماضي)",
    re.IGNORECASE,
)
_UNITS = {
    "vorwoche": "week", "vormonat": "month", "vorquartal": "quarter", "vorjahr": "year",
    "vortag": "day", "woche": "week", "monat": "month", "quartal": "quarter", "jahr": "year",
    "tag": "day", "yesterday": "day", "gestern": "day", "y": "year", "m": "month", "w": "week",
    "q": "quarter", "d": "day", "日": "day", "週": "week", "月": "month", "年": "year",
    "اليوم": "day", "الأسبوع": "week", "الشهر": "month", "العام": "year",
}  # fmt: skip


def _number(match: re.Match[str], group: str) -> int | None:
    text = match.groupdict().get(group)
    return int(text) if text and text.isdigit() else None


def _when(kind: str, match: re.Match[str], language: str) -> When | None:  # noqa: PLR0911 - a case a line
    groups = match.groupdict()
    year = _number(match, "y")
    if year is not None and year < 100:
        year += 2000
    named = groups.get("m")
    month = _months(language).get(named.lower().rstrip(".")) if named else _number(match, "n")
    day = _number(match, "d")
    ordinal = (groups.get("o") or "").lower()
    part = _number(match, "q") or _ORDINALS.get(ordinal) or _number(match, "w")
    if kind in {"day", "us_day"}:
        when = When("day", year, month, day)
        valid = month is not None and 1 <= month <= 12 and day is not None and 1 <= day <= 31
        return when if valid and (year is None or when.bounds()) else None
    if kind == "days":
        first = When("day", year, month, _number(match, "d1"))
        return _span(first, When("day", year, month, day))
    if kind == "years":
        second = _number(match, "y2")
        if second is None or year is None:
            return None
        if second < 100:
            # 1999–00 ends in the next century.
            second += year // 100 * 100
            second += 100 if second < year else 0
        if "/" in match.group() and second == year + 1:
            return When("year", year)
        return _span(When("year", year), When("year", second))
    if kind == "months":
        count = groups["c"].lower()
        return When("months", year, month, _COUNTS.get(count) or int(count))
    if kind == "quarter_ended":
        return When("months", year, month, 3)
    if kind == "month":
        return When("month", year, month) if month and 1 <= month <= 12 else None
    if kind == "bare_year":
        return When("year", year)
    return When(kind, year, part)


def _span(first: When, last: When) -> When:
    """From one to another; seven days from a Monday are an ISO week."""
    start, end = first.bounds(), last.bounds()
    if start and end and (end[1] - start[0]).days == 6 and start[0].weekday() == 0:
        year, week, _ = start[0].isocalendar()
        return When("week", year, week)
    return When("span", first=first, last=last)


def find(text: str, language: str, taken: set[int]) -> list[Named]:
    """Periods and dates named in a text (as :func:`.text.plain` gives it), by place.

    Args:
        text: where to look.
        language: of its month names.
        taken: indices that are part of something else; those found are added.
    """
    found: list[Named] = []
    for kind, pattern in _patterns(language):
        for match in pattern.finditer(text):
            place = range(match.start(), match.end())
            if any(index in taken for index in place):
                continue
            word = match.group()
            if kind == "month" and word.lower().rstrip(".") in _VERBS and word.islower():
                continue
            when = _when(kind, match, language)
            if when is None:
                continue
            found.append(Named(match.start(), match.end(), when, kind == "bare_year"))
            taken.update(place)
    for match in _BACK.finditer(text):
        if not any(index in taken for index in range(match.start(), match.end())):
            unit = next(name for name, said in match.groupdict().items() if said)
            word = match.group(unit).lower()
            found.append(Named(match.start(), match.end(), When("back:" + _UNITS.get(word, word))))
            taken.update(range(match.start(), match.end()))
    found.sort(key=lambda named: named.start)
    return list(_weeks_between(text, found))


def _weeks_between(text: str, found: list[Named]) -> Iterator[Named]:
    """Two dates joined by a dash are one span: ``Dec 13, 2010 - Dec 19, 2010``."""
    index = 0
    while index < len(found):
        here = found[index]
        after = found[index + 1] if index + 1 < len(found) else None
        joined = after and re.fullmatch(r"\s*[-\u2013]\s*", text[here.end : after.start])
        if after and joined and here.when.kind == after.when.kind and here.when.kind != "span":
            first = here.when
            if first.year is None:
                first = _year_of_first(first, after.when)
            yield Named(here.start, after.end, _span(first, after.when))
            index += 2
            continue
        index += 1
        yield here


def _year_of_first(first: When, last: When) -> When:
    """The first end's year is the last one's, or the year before if it is later in the year."""
    year = last.year
    if year is not None and (first.part or 0, first.day or 0) > (last.part or 0, last.day or 0):
        year -= 1
    return When(first.kind, year, first.part, first.day)


@cache
def parse(period: str, language: str = "en") -> When | None:
    """What a period's key or words mean; None for words that name no time ("prior year")."""
    found = find(plain(period), language, set())
    found = [named for named in found if not named.when.kind.startswith("back:")]
    exact = [named for named in found if named.end - named.start == len(period.strip())]
    if exact:
        return exact[0].when
    return found[0].when if len(found) == 1 else None
