"""Trends with the week's season removed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

TREND_DAYS = 28
"""Fewest days for a trend: four seasons of a week."""


def trend(
    days: Mapping[date, Decimal], quiet: frozenset[int], end: date, length: int
) -> Decimal | None:
    """Change of the level a period, in % of its mean, with the week's season removed.

    The season is taken out by STL (Cleveland et al. 1990, robust); the slope of what it leaves as
    trend is fitted by least squares.

    Args:
        days: values of days.
        quiet: weekdays without rows; not part of the series.
        end: the day after the last.
        length: days of a period.

    Returns:
        None where fewer than four weeks are known, a fifth of the days is missing, or the mean is
        not positive.
    """
    import numpy as np
    from statsmodels.tsa.seasonal import STL

    if not days:
        return None
    start = min(days)
    expected = [
        day
        for day in (start + timedelta(days=n) for n in range((end - start).days))
        if day.weekday() not in quiet
    ]
    season = 7 - len(quiet)
    known = [day for day in expected if day in days]
    if len(known) < TREND_DAYS * season // 7 or len(known) < 0.8 * len(expected) or season < 2:
        return None
    values = np.interp(
        [day.toordinal() for day in expected],
        [day.toordinal() for day in known],
        [float(days[day]) for day in known],
    )
    level = STL(values, period=season, robust=True).fit().trend
    mean = float(np.mean(level))
    if mean <= 0:
        return None
    slope = float(np.polyfit(np.arange(len(level)), level, 1)[0])
    change = 100 * slope * length * season / 7 / mean
    return Decimal(repr(round(change, 3))).normalize() + 0
