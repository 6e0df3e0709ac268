"""Which detector a stream would get: all candidates on simulated machines with known faults.

The rows are the simulator's (56 days, 20 machines, a reading a quarter of an hour), written to a
Delta table and read as a training reads them. A fault is what the simulator labelled. The faults
are of its few kinds, so the figures say how the choice works, not how good a detector is on real
machines.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.figures import Figure, Options
from ml.anomaly.definition import load_streams
from ml.anomaly.model import CANDIDATES, DEFAULT
from ml.anomaly.points import Snapshot
from ml.anomaly.selection import judge, usable
from ml.anomaly.training import fitted, read_histories, spread
from platform_assets.connectors.simulate.sensors import MachineReadings
from platform_assets.core.settings import Settings

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 56
MACHINES = 20
SEED = 1


def run(options: Options) -> list[Figure]:
    """``anomaly_choice``: VUS-PR on held-out history, a figure a candidate."""
    days = options.sized(DAYS, least=14)
    stream = load_streams()["machines"]
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        path = Path(folder) / "silver" / stream.topic.domain / stream.topic.entity
        _rows(days).write_delta(str(path), delta_write_options={"partition_by": ["event_date"]})
        settings = Settings(lake_root=folder)
        begin = START.timestamp()
        points = Snapshot(settings, stream).points(begin, begin + days * 86_400.0, labels=True)
    histories = usable(read_histories(stream, points))
    options.say(f"{len(points):,} points of {len(histories)} machines")
    makers, _, _ = fitted(histories, CANDIDATES)
    found = judge(spread(histories), makers)
    figures = []
    for name in makers:
        low, high = found.interval(name)
        figures.append(
            Figure(
                "anomaly_choice", found.mean(name), "VUS-PR", found.chance,
                found.mean(name) / found.chance, goal="measured",
                extra={
                    "kind": "detector", "detector": name, "evidence": found.evidence,
                    "interval_90": [round(low, 3), round(high, 3)], "series": found.series,
                    "anomalies": found.anomalies, "units": int(found.scores[name].size),
                    "beats_default": name != DEFAULT and found.beats(name, DEFAULT),
                },
            )
        )  # fmt: skip
    return figures


def _rows(days: int) -> pl.DataFrame:
    count = days * 24 * 4 * MACHINES
    begin = int(START.timestamp()) * 1_000_000
    drawn = MachineReadings().draw(
        np.random.default_rng(SEED), count, begin, begin + days * 86_400_000_000
    )
    frame = pl.DataFrame({"timestamp": drawn.times, **drawn.after}, strict=False)
    return frame.with_columns(
        pl.col("timestamp").cast(pl.Datetime("us", "UTC")), pl.col("fault").cast(pl.String)
    ).with_columns(event_date=pl.col("timestamp").dt.date(), _micro_batch=pl.lit(1, pl.Int64))
