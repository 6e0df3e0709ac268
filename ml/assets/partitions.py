"""How the models' assets are cut in time, days in UTC, and when a day is late."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC", end_offset=0)
"""A day's partition covers [midnight, next midnight) and exists once that day is over."""

EVERY_DAY = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=30), fail_window=timedelta(hours=50)
)
"""Of an asset that a day's end makes: 30 hours without one is late, two missed days are wrong."""
