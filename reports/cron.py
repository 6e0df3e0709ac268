"""Cron expressions of reports: refused where they are written, not where they are run.

Dagster's own check is asked again when the schedule is built; it cannot be asked here, because
the portal reads definitions without Dagster. A test compares the two.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from croniter import CroniterBadDateError, croniter
from croniter.croniter import CroniterError

_NAME = r"(?:[0-9]{1,2}|[a-z]{3})"
_PART = rf"(?:\*|\?|{_NAME}(?:-{_NAME})?)(?:/[0-9]{{1,2}})?|l|{_NAME}#[1-5]"
_FIELD = re.compile(rf"(?:{_PART})(?:,(?:{_PART}))*", re.IGNORECASE)
_LEAP_YEARS = 9
"""29 February comes after at most eight years (1896, 1904)."""
_FEBRUARY, _NEVER_IN_FEBRUARY = 2, {30, 31}


def check_cron(text: str) -> None:
    """Refuse an expression that Dagster refuses, or that never comes.

    Raises:
        ValueError: what is wrong with it.
    """
    fields = text.split()
    # Six fields are seconds to some and years to others; `@daily` and hashed fields (`H`, `R`)
    # are not known everywhere.
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        raise ValueError("expected five cron fields, e.g. 0 6 * * 1")
    if not croniter.is_valid(text):
        raise ValueError("expected five cron fields within their bounds, e.g. 0 6 * * 1")
    _, _, days, months, *_ = croniter.expand(text)[0]
    if months == [_FEBRUARY] and len(days) == 1 and days[0] in _NEVER_IN_FEBRUARY:
        raise ValueError(f"this cron never comes: February has no day {days[0]}")
    try:
        start = datetime(2000, 1, 1, tzinfo=UTC)
        croniter(text, start, max_years_between_matches=_LEAP_YEARS).get_next(datetime)
    except CroniterBadDateError:
        raise ValueError("this cron never comes: no month has such a day") from None
    except CroniterError as error:
        raise ValueError(f"expected five cron fields, e.g. 0 6 * * 1: {error}") from error
