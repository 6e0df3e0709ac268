"""What a batch costs in a table of 20,000,000 rows, against an empty one.

The large tables (bronze and silver, a hundred days, a hundred commits) are written straight
as Delta files, once; each run gets a copy of hard links. Each run is a fresh process that
first lands one batch in a scratch lake, to warm it. Then it lands either one batch in an
empty lake (the baseline), or ten batches, one after the other, in the large one; the last of
these counts. The batches follow each other in time, a day's events each, with duplicates and
late records, into days of which the large table holds rows already.

Timed is the processor's own time for a batch: ledger, decoding, bronze, rules, deduplication,
silver, quarantine, ledger. Reading from Kafka is left out, for it knows no table.
"""

from __future__ import annotations

import os
import shutil
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, Schema, write_deltalake

from benchmarks import events
from benchmarks.figures import Figure, Options, middle
from benchmarks.process import Measured, in_fresh_process
from benchmarks.stack import private_stack
from platform_assets.connectors.simulate.history import whole_hour
from platform_assets.core.settings import get_settings
from platform_assets.engines import layout
from platform_assets.engines.base import MicroBatch
from platform_assets.streaming.open import open_processor
from platform_assets.streaming.plan import Extent, plan_ranges

BATCH = 200_000
ROWS = 20_000_000
TENTH = 10
GOAL = 1.3
_DAYS = 100
_LATE_SHARE = 50
"""One row in so many belongs to an earlier day than its commit's."""


def run(options: Options) -> list[Figure]:
    """``growth``."""
    batch = options.sized(BATCH, 1000)
    rows = options.sized(ROWS, 1000)
    wanted = batch * (TENTH + 1)
    with private_stack() as settings:
        options.say(f"growth: {wanted:,} events to Kafka")
        events.produce(settings, "clickstream", wanted, TENTH + 1)
        large = settings.home / "lake-large"
        options.say(f"growth: tables of {rows:,} rows")
        in_fresh_process(
            "benchmarks.growth:build", settings.home / "runs/build.log", root=str(large), rows=rows
        )
        first: list[Measured] = []
        tenth: list[Measured] = []
        for number in range(1, options.repeats + 1):
            for name, runs in (("empty", first), ("large", tenth)):
                root = settings.home / "lake-run"
                if name == "large":
                    shutil.copytree(large, root, copy_function=os.link)
                runs.append(
                    in_fresh_process(
                        "benchmarks.growth:batches",
                        settings.home / "runs" / f"{name}-{number}.log",
                        root=str(root),
                        batch=batch,
                        count=TENTH if name == "large" else 1,
                    )
                )
                options.say(f"growth: run {number}, {name}: {runs[-1].result['seconds'][-1]:.3f} s")
                shutil.rmtree(root)
    return [_figure(options, rows, batch, first, tenth)]


def _figure(
    options: Options, rows: int, batch: int, first: list[Measured], tenth: list[Measured]
) -> Figure:
    value, baseline = (
        middle([run.result["seconds"][-1] for run in runs]) for runs in (tenth, first)
    )
    return Figure(
        "growth",
        value,
        "s",
        baseline,
        value / baseline,
        f"ratio at most {GOAL:g}",
        value / baseline <= GOAL if options.scale >= 1 else None,
        {
            "rows": rows,
            "batch": batch,
            "runs": len(tenth),
            "peak_memory_mb": round(middle([run.peak_memory_mb for run in tenth])),
            "baseline_peak_memory_mb": round(middle([run.peak_memory_mb for run in first])),
            "seconds": [round(run.result["seconds"][-1], 3) for run in tenth],
            "baseline_seconds": [round(run.result["seconds"][-1], 3) for run in first],
            "batches_of_last_run": tenth[-1].result["seconds"],
            "published": tenth[-1].result["published"],
        },
    )


def batches(root: str, batch: int, count: int) -> dict[str, Any]:
    """Land ``count`` batches in a lake; the first records warm the process in a scratch lake."""
    settings = get_settings()
    contract = events.contract_for("clickstream")
    extents = {p: Extent(0, end) for p, end in events.ends(settings, "clickstream").items()}
    offsets: dict[int, int] = {}
    seconds: list[float] = []
    published = 0
    for lake, first_id, number in ((f"{root}-warm", 1, 1), (root, _first_id(root), count)):
        events.forget(settings, "clickstream")
        chosen = settings.model_copy(update={"lake_root": lake})
        with open_processor(chosen, "bench") as processor:
            processor.engine.ensure_tables(contract)
            seconds = []
            for place in range(number):
                ranges = plan_ranges(str(contract.topic), extents, offsets, batch)
                offsets |= {item.partition: item.end for item in ranges}
                taken = processor.take(contract, ranges)
                step = processor.first(contract, MicroBatch(first_id + place, ranges), taken)
                seconds.append(round(step.seconds, 4))
                published = sum(item.published for item in step.published.counts.values())
    shutil.rmtree(f"{root}-warm")
    return {"seconds": seconds, "published": published}


def _first_id(root: str) -> int:
    """The micro-batch after those that the tables hold."""
    path = Path(root) / events.contract_for("clickstream").topic.silver.path
    if not path.exists():
        return 1
    return int(DeltaTable(str(path)).version()) + 1


def build(root: str, rows: int) -> dict[str, Any]:
    """Write bronze and silver of ``rows`` rows: a commit a batch, each batch mostly one day."""
    started = time.perf_counter()
    contract = events.contract_for("clickstream")
    bronze, silver = layout.bronze(contract), layout.silver(contract)
    for shape in (bronze, silver):
        DeltaTable.create(
            f"{root}/{shape.table.path}",
            schema=Schema.from_arrow(shape.schema),
            partition_by=[str(shape.partition)],
            configuration=dict(shape.properties),
        )
    today = whole_hour().date()
    each = -(-rows // _DAYS)
    for number in range(_DAYS):
        frame = _rows(number, each, today - timedelta(days=_DAYS - 1 - number))
        for shape in (bronze, silver):
            typed = pl.DataFrame(shape.schema.empty_table()).schema
            columns = [
                pl.col(name).cast(dtype) if name in frame.columns
                else pl.lit(None, dtype=dtype).alias(name)
                for name, dtype in typed.items()
            ]  # fmt: skip
            write_deltalake(f"{root}/{shape.table.path}", frame.select(columns), mode="append")
    return {"seconds": time.perf_counter() - started}


def _rows(number: int, count: int, day: date) -> pl.DataFrame:
    """One commit's rows, with the columns of both tables."""
    index = pl.int_range(count, eager=True)
    late = pl.col("n") % _LATE_SHARE == 0
    micros = 86_400_000_000 // count
    arrived = pl.lit(day).cast(pl.Datetime("us", "UTC")) + pl.duration(
        microseconds=pl.col("n") * micros
    )
    at = arrived - pl.when(late).then(pl.duration(days=1)).otherwise(pl.duration(days=0))
    event_id = pl.format("table-{}-{}", pl.lit(number), pl.col("n"))
    return pl.DataFrame({"n": index}).select(
        pl.lit(number + 1, dtype=pl.Int64).alias("_micro_batch"),
        pl.lit(day).alias("ingest_date"),
        at.dt.date().alias("event_date"),
        *(
            expression.alias(prefix + name)
            for prefix in ("", "_")
            for name, expression in (
                ("kafka_partition", pl.col("n") % 2),
                ("kafka_offset", pl.col("n") // 2 + number * count),
                ("kafka_timestamp", arrived),
            )
        ),
        event_id.cast(pl.Binary).alias("kafka_key"),
        (event_id + pl.lit("x" * 80)).cast(pl.Binary).alias("kafka_value"),
        pl.lit(1).alias("schema_id"),
        event_id.alias("event_id"),
        pl.lit("simulator").alias("source"),
        pl.lit("clickstream").alias("entity"),
        pl.lit("c").alias("op"),
        at.alias("occurred_at"),
        at.alias("timestamp"),
        arrived.alias("ingested_at"),
        (pl.col("n") % 10_000 + 1).alias("user_id"),
        (pl.col("n") % 5_000 + 1).alias("product_id"),
        pl.lit("view").alias("event_type"),
        pl.lit(0.0).alias("price"),
    )
