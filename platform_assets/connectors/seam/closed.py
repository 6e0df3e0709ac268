"""Times in which a source is not read: its own maintenance, its office hours, a backup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Closed(BaseModel):
    """One time that comes again: either ``hours`` or ``cron``.

    Attributes:
        hours: ``HH:MM-HH:MM`` of the zone's clock; over midnight where the end is no later.
        days: on which it begins; every day by default.
        cron: when it begins, as five fields.
        minutes: how long it lasts from there, with ``cron``.
        zone: IANA name.
    """

    model_config = ConfigDict(extra="forbid")

    hours: str = ""
    days: Sequence[Day] = _DAYS
    cron: str = ""
    minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)
    zone: str = "UTC"

    @field_validator("hours")
    @classmethod
    def _is_span(cls, value: str) -> str:
        if value and not _HOURS.fullmatch(value):
            raise ValueError(f"expected HH:MM-HH:MM, got {value!r}")
        return value

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"expected a zone such as Europe/Berlin, got {value!r}") from None
        return value

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        from croniter import croniter

        if value and (len(value.split()) != 5 or not croniter.is_valid(value)):
            raise ValueError(f"expected five fields of cron, got {value!r}")
        return value

    @model_validator(mode="after")
    def _one(self) -> Closed:
        if bool(self.hours) == bool(self.cron):
            raise ValueError("expected either `hours` or `cron`")
        if bool(self.cron) != bool(self.minutes):
            raise ValueError("expected `minutes` with `cron`, and only there")
        return self

    def until(self, now: datetime) -> datetime | None:
        """When the time that ``now`` falls into ends (UTC); None: it falls into none."""
        return self._until_cron(now) if self.cron else self._until_hours(now)

    def _until_cron(self, now: datetime) -> datetime | None:
        from croniter import croniter

        local = now.astimezone(ZoneInfo(self.zone))
        # A start at this very moment counts.
        began = croniter(self.cron, local + timedelta(microseconds=1)).get_prev(datetime)
        end = began.astimezone(UTC) + timedelta(minutes=self.minutes)
        return end if now < end else None

    def _until_hours(self, now: datetime) -> datetime | None:
        today = now.astimezone(ZoneInfo(self.zone)).date()
        # One that goes over midnight began yesterday.
        for day in (today, today - timedelta(days=1)):
            if _DAYS[day.weekday()] in self.days:
                begin, end = self._span(day)
                if begin <= now < end:
                    return end
        return None

    def _span(self, day: date) -> tuple[datetime, datetime]:
        first, _, last = self.hours.partition("-")
        begin, end = time.fromisoformat(first), time.fromisoformat(last)
        ends = day if end > begin else day + timedelta(days=1)
        zone = ZoneInfo(self.zone)
        return (
            datetime.combine(day, begin, zone).astimezone(UTC),
            datetime.combine(ends, end, zone).astimezone(UTC),
        )


def closed_until(times: Sequence[Closed], now: datetime | None = None) -> datetime | None:
    """When a source may be read again; None: now."""
    now = now or datetime.now(UTC)
    return max((end for one in times if (end := one.until(now)) is not None), default=None)
