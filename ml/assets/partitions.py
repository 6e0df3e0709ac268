"""How the models' assets are cut in time: days, in UTC.

Belongs here: partition definitions that several modules of ``ml/assets`` share. Does not belong
here: micro-batches' windows (``platform_assets/partitions.py``).
"""

from __future__ import annotations

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC", end_offset=0)
"""A day's partition covers [midnight, next midnight) and exists once that day is over."""
