"""Periods of reports: days, ISO weeks, months, with keys that sort and read well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from platform_assets.core.errors import WeirError


class Grain(StrEnum):
    """Length of a period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class PeriodError(WeirError):
    """A text is no period of the grain asked for."""


@dataclass(frozen=True, order=True)
class Period:
    """A period: its first day and its grain (UTC dates).

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

    def year_before(self) -> Period:
        """The same month a year before; else 52 weeks before, so that weekdays agree."""
        if self.grain is Grain.MONTH:
            return self.shift(-12)
        return Period.of(self.start - timedelta(weeks=52), self.grain)
