"""Periods of reports: days, ISO weeks, months, with keys that sort and read well.

A period is made of calendar days in the report's time zone. Which moments these are is asked of the
zone: a day of 23 or 25 hours is a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

from platform_assets.core.errors import WeirError

_OFFSETS_FROM = datetime(2000, 1, 1, tzinfo=UTC)
_OFFSETS_UNTIL = datetime(2038, 1, 1, tzinfo=UTC)
"""Zones know no rules beyond, and before only what nobody reports on."""


class Grain(StrEnum):
    """Length of a period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class PeriodError(WeirError):
    """A text is no period of the grain asked for."""


@dataclass(frozen=True, order=True)
class Period:
    """A period: its first day and its grain (dates in the report's zone).

    Attributes:
        start: the first day.
        grain: its length.
    """

    start: date
    grain: Grain

    @classmethod
    def of(cls, day: date, grain: Grain) -> Period:
        """The period of that grain that holds a day."""
        if grain is Grain.WEEK:
            return cls(day - timedelta(days=day.weekday()), grain)
        return cls(day.replace(day=1) if grain is Grain.MONTH else day, grain)

    @classmethod
    def latest(cls, now: datetime, grain: Grain, zone: str) -> Period:
        """The last period that is over in a time zone.

        Args:
            now: an aware moment.
            grain: the period's length.
            zone: an IANA time zone.
        """
        return cls.of(now.astimezone(ZoneInfo(zone)).date(), grain).shift(-1)

    @classmethod
    def parse(cls, key: str, grain: Grain) -> Period:
        """The period of a key: ``2010-12-13``, ``2010-W50``, ``2010-12``.

        Raises:
            PeriodError: the key is malformed, of another grain, or no such period exists.
        """
        period: Period | None
        try:
            if grain is Grain.WEEK:
                year, week = key.split("-W")
                period = cls(date.fromisocalendar(int(year), int(week), 1), grain)
            elif grain is Grain.MONTH:
                period = cls(date.fromisoformat(f"{key}-01"), grain)
            else:
                period = cls(date.fromisoformat(key), grain)
        except ValueError:
            period = None
        if period is None or period.key != key:
            example = cls.of(date(2010, 12, 13), grain).key
            raise PeriodError(f"{key!r} is not a {grain}", f"write it as {example}")
        return period

    @property
    def key(self) -> str:
        """Its key; keys of one grain sort by time."""
        if self.grain is Grain.WEEK:
            year, week, _ = self.start.isocalendar()
            return f"{year}-W{week:02d}"
        text = self.start.isoformat()
        return text[:7] if self.grain is Grain.MONTH else text

    @property
    def end(self) -> date:
        """The day after its last."""
        return self.shift(1).start

    def shift(self, periods: int) -> Period:
        """The period so many later (negative: earlier)."""
        if self.grain is Grain.MONTH:
            months = self.start.year * 12 + self.start.month - 1 + periods
            return Period(date(months // 12, months % 12 + 1, 1), self.grain)
        days = 7 if self.grain is Grain.WEEK else 1
        return Period(self.start + timedelta(days=days * periods), self.grain)

    def bounds(self, zone: str) -> tuple[datetime, datetime]:
        """Its first moment and the one after its last (UTC), as a time zone has it."""
        return midnight(self.start, zone), midnight(self.end, zone)

    def year_before(self) -> Period:
        """The same month a year before; else 52 weeks before, so that weekdays agree."""
        if self.grain is Grain.MONTH:
            return self.shift(-12)
        return Period.of(self.start - timedelta(weeks=52), self.grain)


def is_utc(zone: str) -> bool:
    """Whether a zone's days are those of UTC, all year."""
    return _offsets(zone) == {timedelta(0)}


def has_whole_hours(zone: str) -> bool:
    """Whether a zone's days begin at full hours of UTC, so that hours can be added up to days."""
    return all(offset % timedelta(hours=1) == timedelta(0) for offset in _offsets(zone))


@cache
def _offsets(zone: str) -> frozenset[timedelta]:
    """Offsets from UTC, a week apart: every half year of summer time is longer."""
    found, at = ZoneInfo(zone), _OFFSETS_FROM
    offsets = set()
    while at < _OFFSETS_UNTIL:
        offset = at.astimezone(found).utcoffset()
        offsets.add(offset if offset is not None else timedelta(0))
        at += timedelta(days=7)
    return frozenset(offsets)


def midnight(day: date, zone: str) -> datetime:
    """The first moment of a zone's day (UTC); where clocks skip it, the moment at which they do."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
