"""Silver tables of the simulated sensors, written straight to Delta: no broker is needed.

Belongs here: rows of a stream's silver table, in micro-batches. Does not belong here: any test.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from platform_assets.connectors.simulate.sensors import MachineReadings

START = datetime(2026, 3, 2, tzinfo=UTC)
MICROS = 1_000_000


def machine_rows(days: int, per_hour: int = 4, machines: int = 3, seed: int = 1) -> pl.DataFrame:
    """Readings of the first machines, with the simulator's labelled faults."""
    count = days * 24 * per_hour * 20
    begin = int(START.timestamp()) * MICROS
    drawn = MachineReadings().draw(
        np.random.default_rng(seed), count, begin, begin + days * 86_400 * MICROS
    )
    frame = pl.DataFrame({"timestamp": drawn.times, **drawn.after}, strict=False)
    names = [f"machine-{number + 1:02d}" for number in range(machines)]
    return frame.filter(pl.col("machine_id").is_in(names)).with_columns(
        pl.col("timestamp").cast(pl.Datetime("us", "UTC")), pl.col("fault").cast(pl.String)
    )


def append(root: Path, table: str, rows: pl.DataFrame, batch: int) -> None:
    """Publish rows as one micro-batch of a silver table (``domain/entity``)."""
    path = root / "silver" / table
    rows.with_columns(
        event_date=pl.col("timestamp").dt.date(), _micro_batch=pl.lit(batch, pl.Int64)
    ).write_delta(str(path), mode="append", delta_write_options={"partition_by": ["event_date"]})


def plain_rows(values: dict[str, np.ndarray], first: int = 0, minutes: int = 15) -> pl.DataFrame:
    """One reading an interval and machine, with chosen vibrations."""
    frames = []
    for machine, vibration in values.items():
        at = [
            START + timedelta(minutes=minutes * (first + n), seconds=7)
            for n in range(len(vibration))
        ]
        frames.append(
            pl.DataFrame(
                {
                    "timestamp": at,
                    "machine_id": machine,
                    "vibration_mm_s": vibration,
                    "fault": pl.Series([None] * len(vibration), dtype=pl.String),
                },
                schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
            )
        )
    return pl.concat(frames)


def seconds(intervals: float, minutes: int = 15) -> float:
    """The start of an interval, in seconds since 1970."""
    return START.timestamp() + intervals * minutes * 60.0


def daily(intervals: int, seed: int = 0, a_day: int = 96) -> np.ndarray:
    """Values with the shape of a day and a little noise."""
    rows = np.arange(intervals)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=intervals)
    return 5 + np.sin(2 * np.pi * rows / a_day) + noise
