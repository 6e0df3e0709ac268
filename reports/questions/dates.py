"""Dates, months, weeks and years as a question writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from reports.questions.lexicon import NUMBERS
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.questions.windows import Clock, Window, add_months
from reports.questions.words import fold

_MONTHS = (
    "january januar janner jan", "february februar feb", "march marz mar mrz", "april apr",
    "may mai", "june juni jun", "july juli jul", "august aug", "september sep sept",
    "october oktober oct okt", "november nov", "december dezember dec dez",
)  # fmt: skip
_DAYS = (
    "monday montag", "tuesday dienstag", "wednesday mittwoch", "thursday donnerstag",
    "friday freitag", "saturday samstag sonnabend", "sunday sonntag",
)  # fmt: skip
MONTH_NUMBER = {
    fold(word): number for number, words in enumerate(_MONTHS, 1) for word in words.split()
}
DAY_NUMBER = {fold(word): number for number, words in enumerate(_DAYS) for word in words.split()}

MONTH = "|".join(sorted(MONTH_NUMBER, key=len, reverse=True))
WEEKDAY = "|".join(sorted(DAY_NUMBER, key=len, reverse=True))
YEAR = r"(?:19|20)\d\d"
NTH = r"\d{1,2}(?:st|nd|rd|th)?"
COUNT = r"\d{1,4}|" + "|".join(NUMBERS)
LAST = (
    r" (?P<ly>(?:of |in )?(?:the )?(?:last|previous) year"
    r"|(?:des )?(?:letzten|vorigen) jahres|(?:im )?vorjahre?s?)"
)
OF = r"(?:(?:of|im|in|the|des|vom|jahr|jahre|jahres|year) )*"

Reader = Callable[[re.Match[str], Clock], Window]


def count_of(text: str) -> int:
    """A small number, in digits or as a word."""
    return NUMBERS.get(text) or int(text)


def _day(year: int, month: int, day: int, clock: Clock) -> Window:
    try:
        first = date(year, month, day)
    except ValueError:
        raise NotUnderstoodError(
            f"{year}-{month:02d}-{day:02d} is no day of the calendar"
        ) from None
    return Window.days(first, first + timedelta(days=1), clock.zone, "day")


def _day_of(day: str, month: int, year: str | None, clock: Clock) -> Window:
    """A day; without a year the newest one that has begun."""
    number = int(re.sub(r"\D", "", day))
    if year:
        return _day(int(year), month, number, clock)
    window = _day(clock.today.year, month, number, clock)
    if window.first is not None and window.first > clock.today:
        return _day(clock.today.year - 1, month, number, clock)
    return window


def _iso_day(match: re.Match[str], clock: Clock) -> Window:
    year, month, day = (int(part) for part in match["iso"].split("-"))
    return _day(year, month, day, clock)


def _iso_month(match: re.Match[str], clock: Clock) -> Window:
    year, month = (int(part) for part in match["isomonth"].split("-"))
    return month_of(year, month, clock)


def _iso_week(match: re.Match[str], clock: Clock) -> Window:
    year, week = match["isoweek"].split("-w")
    return week_of(int(year), int(week), clock)


def _dotted(match: re.Match[str], clock: Clock) -> Window:
    day, month, year = match["dotted"].replace(" ", "").split(".")
    return _day_of(day, _month_number(month), year or match["dottedyear"], clock)


def _month_number(text: str) -> int:
    if not 1 <= int(text) <= 12:
        raise NotUnderstoodError(f"there is no month {text}")
    return int(text)


def _slashed(match: re.Match[str], clock: Clock) -> Window:
    first, second, year = (int(part) for part in match["slashed"].split("/"))
    if first <= 12 and second <= 12 and first != second:
        raise AmbiguousError(
            f"{match['slashed']} may be two days",
            (f"{year}-{second:02d}-{first:02d}", f"{year}-{first:02d}-{second:02d}"),
        )
    day, month = (first, second) if second <= 12 else (second, first)
    return _day(year, _month_number(str(month)), day, clock)


def _named_day(match: re.Match[str], clock: Clock) -> Window:
    day, month = match["d1"] or match["d2"], match["m1"] or match["m2"]
    return _day_of(day, MONTH_NUMBER[month], match["y1"] or match["y2"], clock)


def _named_month(match: re.Match[str], clock: Clock) -> Window:
    month, year = MONTH_NUMBER[match["m3"]], match["y3"]
    if match["ly"]:
        return month_of(clock.today.year - 1, month, clock)
    if year:
        return month_of(int(year), month, clock)
    # The newest one that has begun.
    years = (clock.today.year, clock.today.year - 1)
    return month_of(next(y for y in years if date(y, month, 1) <= clock.today), month, clock)


def _named_week(match: re.Match[str], clock: Clock) -> Window:
    week, year = int(match["week"]), match["y4"]
    if year:
        return week_of(int(year), week, clock)
    this = clock.today.isocalendar()
    return week_of(this.year if week <= this.week else this.year - 1, week, clock)


def _quarter(match: re.Match[str], clock: Clock) -> Window:
    number = int(match["quarter"] or _ORDINALS[match["nth"]])
    if not 1 <= number <= 4:
        raise NotUnderstoodError(f"there is no quarter {number}")
    today = clock.today
    first = date(int(match["y5"] or today.year), 3 * number - 2, 1)
    if not match["y5"] and first > today:
        first = first.replace(year=today.year - 1)
    return Window.days(first, add_months(first, 3), clock.zone, "quarter")


def _year(match: re.Match[str], clock: Clock) -> Window:
    year = int(match["y6"])
    return Window.days(date(year, 1, 1), date(year + 1, 1, 1), clock.zone, "year")


def _weekday(match: re.Match[str], clock: Clock) -> Window:
    back = (clock.today.weekday() - DAY_NUMBER[match["weekday"]]) % 7 or 7
    first = clock.today - timedelta(days=back)
    return Window.days(first, first + timedelta(days=1), clock.zone, "day")


def month_of(year: int, month: int, clock: Clock) -> Window:
    """A month of a year.

    Raises:
        NotUnderstoodError: there is no such month.
    """
    first = date(year, _month_number(str(month)), 1)
    return Window.days(first, add_months(first, 1), clock.zone, "month")


def week_of(year: int, week: int, clock: Clock) -> Window:
    """An ISO week.

    Raises:
        NotUnderstoodError: the year has no such week.
    """
    try:
        first = date.fromisocalendar(year, week, 1)
    except ValueError:
        raise NotUnderstoodError(f"{year} has no week {week}") from None
    return Window.days(first, first + timedelta(days=7), clock.zone, "week")


_ORDINALS = {
    word: number
    for number, words in enumerate(
        ("first erste ersten erstes 1st", "second zweite zweiten zweites 2nd",
         "third dritte dritten drittes 3rd", "fourth vierte vierten viertes 4th"), 1,
    )
    for word in words.split()
}  # fmt: skip

POINTS: tuple[tuple[str, Reader], ...] = (
    (rf"(?P<iso>{YEAR}-\d\d-\d\d)", _iso_day),
    (rf"(?P<isoweek>{YEAR}-w\d\d?)", _iso_week),
    (rf"(?P<isomonth>{YEAR}-\d\d)", _iso_month),
    (rf"(?P<dotted>\d\d?\.\s?\d\d?\.(?:{YEAR})?)(?: (?P<dottedyear>{YEAR}))?", _dotted),
    (r"(?P<slashed>\d\d?/\d\d?/\d{4})", _slashed),
    (
        (
            rf"(?:(?P<d1>{NTH}) (?:of )?(?P<m1>{MONTH})(?: {OF}(?P<y1>{YEAR}))?"
            rf"|(?P<m2>{MONTH}) (?:the )?(?P<d2>{NTH})(?: {OF}(?P<y2>{YEAR}))?)"
        ),
        _named_day,
    ),
    (rf"(?:(?:month of|monat) )?(?P<m3>{MONTH})(?: {OF}(?P<y3>{YEAR})|{LAST})?", _named_month),
    (
        rf"(?:(?:calendar )?week|kw|kalenderwoche|woche) ?(?P<week>\d\d?)(?: {OF}(?P<y4>{YEAR}))?",
        _named_week,
    ),
    (
        (
            rf"(?:q(?P<quarter>\d)|(?P<nth>{'|'.join(_ORDINALS)}) (?:quarter|quartal))"
            rf"(?: {OF}(?P<y5>{YEAR}))?"
        ),
        _quarter,
    ),
    (rf"(?:(?:last|letzten|letzter|am|on) )?(?P<weekday>{WEEKDAY})", _weekday),
    (rf"(?:(?:the year|jahr|jahre|year) )?(?P<y6>{YEAR})", _year),
)
"""Patterns of folded text, the longest match counts, and what each names."""
