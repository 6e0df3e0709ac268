"""Spans of time that a question names, by the clock and calendar of one zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from reports.periods import Grain, Period, midnight

Unit = Literal["hour", "day", "week", "month", "quarter", "year", ""]

MONTHS = {"month": 1, "quarter": 3, "year": 12}
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Clock:
    """Now, and whose days count.

    Attributes:
        now: an aware moment.
        zone: an IANA time zone.
    """

    now: datetime
    zone: str

    @property
    def today(self) -> date:
        """The day that it is there."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True)
class Window:
    """From a moment to before another.

    Attributes:
        start: its first moment (UTC).
        end: the first one after it (UTC).
        zone: whose days they are.
        first: its first day; None for hours.
        after: the day after its last; None for hours.
        unit: what it is made of; empty for days from one date to another.
        count: of how many units.
    """

    start: datetime
    end: datetime
    zone: str
    first: date | None
    after: date | None
    unit: Unit
    count: int = 1

    @classmethod
    def days(cls, first: date, after: date, zone: str, unit: Unit = "", count: int = 1) -> Window:
        """The days from one to before another."""
        return cls(midnight(first, zone), midnight(after, zone), zone, first, after, unit, count)

    @classmethod
    def hours(cls, end: datetime, count: int, zone: str) -> Window:
        """So many hours before a moment."""
        return cls(end - count * _HOUR, end, zone, None, None, "hour", count)

    def shift(self, units: int) -> Window:
        """The window so many of its units later (negative: earlier)."""
        if self.first is None or self.after is None:
            by = units * _HOUR
            return Window(
                self.start + by, self.end + by, self.zone, None, None, self.unit, self.count
            )
        if self.unit in MONTHS:
            months = units * MONTHS[self.unit]
            first, after = add_months(self.first, months), add_months(self.after, months)
        else:
            by = timedelta(days=units * (7 if self.unit == "week" else 1))
            first, after = self.first + by, self.after + by
        return Window.days(first, after, self.zone, self.unit, self.count)

    @property
    def before(self) -> Window:
        """The window of the same length before it."""
        if self.unit:
            return self.shift(-self.count)
        assert self.first is not None and self.after is not None  # noqa: S101, PT018
        return self.shift(-(self.after - self.first).days)

    @property
    def year_before(self) -> Window:
        """The same months a year before; days and weeks 52 weeks before, so weekdays agree."""
        if self.first is None or self.after is None:
            return self.shift(-52 * 7 * 24)
        if self.unit in MONTHS:
            return self.shift(-12 // MONTHS[self.unit])
        by = timedelta(weeks=52)
        return Window.days(self.first - by, self.after - by, self.zone, self.unit, self.count)

    @property
    def key(self) -> str:
        """Its period's key as reports write it; empty where it is no such period."""
        if self.first is None or self.count != 1:
            return ""
        if self.unit in ("day", "week", "month"):
            return Period.of(self.first, Grain(self.unit)).key
        if self.unit == "quarter":
            return f"{self.first.year}-Q{(self.first.month + 2) // 3}"
        return str(self.first.year) if self.unit == "year" else ""

    def words(self, language: str) -> str:
        """Its bounds for people: both ends are in it; hours by the zone's clock."""
        to = "bis" if language == "de" else "to"
        if self.first is None or self.after is None:
            start, end = (at.astimezone(ZoneInfo(self.zone)) for at in (self.start, self.end))
            day = f"{end:%Y-%m-%d} " if start.date() != end.date() else ""
            return f"{start:%Y-%m-%d %H:%M} {to} {day}{end:%H:%M} ({self.zone})"
        last = self.after - timedelta(days=1)
        if last == self.first:
            return f"{self.first} ({self.zone})"
        return f"{self.first} {to} {last} ({self.zone})"


def floor_hour(at: datetime) -> datetime:
    """The beginning of a moment's hour (UTC)."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def add_months(day: date, months: int) -> date:
    """A first of a month so many months later."""
    number = day.year * 12 + day.month - 1 + months
    return day.replace(year=number // 12, month=number % 12 + 1)


def unit_of(day: date, unit: Unit) -> date:
    """The first day of the unit that holds a day."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def units(clock: Clock, unit: Unit, offset: int, count: int = 1) -> Window:
    """So many units in a row, the last of them ``offset`` from the current one (-1: the last).

    The current unit is not over yet; it is what 0 stands for.
    """
    if unit == "hour":
        end = floor_hour(clock.now) + (offset + 1) * _HOUR
        return Window.hours(end, count, clock.zone)
    first = unit_of(clock.today, unit)
    one = Window.days(first, _next(first, unit), clock.zone, unit)
    last = one.shift(offset)
    begin = one.shift(offset - count + 1)
    assert begin.first is not None and last.after is not None  # noqa: S101, PT018
    return Window.days(begin.first, last.after, clock.zone, unit, count)


def _next(first: date, unit: Unit) -> date:
    if unit in MONTHS:
        return add_months(first, MONTHS[unit])
    return first + timedelta(days=7 if unit == "week" else 1)
