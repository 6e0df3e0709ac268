"""Retail CSV to silver through the connector ``files``, beside Polars and delta-rs alone.

Belongs here: the files, both sides, the figure. Does not belong here: the connector.

Weir's side is as it runs: one process reads the files into the log, another one lands them in
bronze and publishes silver; the time is from the start of the reading to the last publication.
The bare side scans the same files, casts the same columns and appends them to one Delta table
with silver's partitions; it has no log, no bronze, no ids, no rules, no resume.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.figures import Figure, Options, middle
from benchmarks.process import in_fresh_process
from benchmarks.stack import private_stack
from platform_assets import sources
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, get_settings

ROWS = 5_500_000
GOAL = 0.3
BULK_GOAL = 0.7
_MEMORY_FACTOR = 1.25
"""Flat memory: the largest of the sizes needs at most so many times what a third of it needs."""
_FILES = 10
_DAYS_PER_MILLION = 100
_BASE = TopicName("retail", "invoice_lines")
_TOPIC = TopicName("bench", "invoice_lines")
_COLUMNS = {
    "invoice_no": "InvoiceNo",
    "line_no": "_row",
    "stock_code": "StockCode",
    "description": "Description",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
    "customer_id": "CustomerID",
    "country": "Country",
}


def run(options: Options) -> list[Figure]:
    """``files_csv``."""
    wanted = options.sized(ROWS, 10_000)
    with private_stack() as settings:
        files = settings.home / "retail"
        size = write_files(files, wanted)
        options.say(f"files_csv: {wanted:,} rows, {size / 1e6:,.0f} MB of CSV")
        weir: list[Any] = []
        bare: list[Any] = []
        for number in range(1, options.repeats + 1):
            log = settings.home / "runs"
            lake = settings.home / "lake-bare"
            bare.append(
                in_fresh_process(
                    "benchmarks.files_csv:bare", log / f"bare-{number}.log",
                    files=str(files), root=str(lake),
                )
            )  # fmt: skip
            shutil.rmtree(lake)
            weir.append(_weir(settings.home, files, wanted, number))
            for side, runs in (("bare", bare), ("weir", weir)):
                options.say(
                    f"files_csv: run {number}, {side}: "
                    f"{wanted / runs[-1].result['seconds']:,.0f} rows/s"
                )
    value, baseline = (
        middle([wanted / run.result["seconds"] for run in runs]) for runs in (weir, bare)
    )
    return [
        Figure(
            "files_csv",
            value,
            "rows/s",
            baseline,
            value / baseline,
            f"ratio at least {GOAL}",
            value / baseline >= GOAL if options.scale >= 1 else None,
            {
                "rows": wanted,
                "megabytes": round(size / 1e6),
                "runs": len(weir),
                "to_the_log": round(middle([run.result["to_the_log"] for run in weir])),
                "reader_cpu_seconds": round(middle([run.result["cpu_seconds"] for run in weir]), 1),
                "reader_peak_memory_mb": round(middle([run.peak_memory_mb for run in weir])),
                "baseline_peak_memory_mb": round(middle([run.peak_memory_mb for run in bare])),
            },
        )
    ]


def write_files(folder: Path, rows: int) -> int:
    """Invoice lines as the retail data set has them, in order of time; returns their bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    words = ["WHITE HANGING HEART T-LIGHT HOLDER", "CREAM CUPID HEARTS COAT HANGER", "JUMBO BAG",
             '"SET OF 3, CAKE TINS"', "", "REGENCY CAKESTAND 3 TIER", "POPCORN HOLDER"]  # fmt: skip
    articles = [(f"{rng.randint(10_000, 99_999)}{rng.choice('ABC ')}".strip(), rng.choice(words))
                for _ in range(3000)]  # fmt: skip
    begin = pl.datetime(2020, 1, 1)
    every = 86_400_000_000 * _DAYS_PER_MILLION // 1_000_000
    moments = (
        pl.select(begin + pl.duration(microseconds=pl.int_range(rows) * every))
        .to_series()
        .dt.strftime("%Y-%m-%d %H:%M:00")
    )
    size = 0
    for number in range(_FILES):
        path = folder / f"retail-{number:03}.csv"
        first, last = rows * number // _FILES, rows * (number + 1) // _FILES
        with path.open("w") as file:
            file.write(
                "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
            )
            for row in range(first, last):
                code, name = articles[rng.randrange(3000)]
                customer = "" if row % 4 == 0 else 12_000 + row % 6000
                file.write(
                    f"{536_365 + row // 20 % 400_000},{code},{name},{rng.randint(1, 48)},"
                    f"{moments[row]},{rng.randint(19, 4995) / 100},{customer},United Kingdom\n"
                )
        size += path.stat().st_size
    return size


def bare(files: str, root: str) -> dict[str, Any]:
    """Polars' scan and delta-rs' append alone."""
    started = time.perf_counter()
    (
        pl.scan_csv(f"{files}/*.csv", schema_overrides={"CustomerID": pl.Int64},
                    try_parse_dates=True)
        .with_columns(pl.col("InvoiceDate").dt.date().alias("event_date"))
        .collect()
        .write_delta(root, delta_write_options={"partition_by": ["event_date"]})
    )  # fmt: skip
    return {"seconds": time.perf_counter() - started}


def _weir(home: Path, files: Path, wanted: int, number: int) -> Any:
    """Both processes at once; the reader's result, with the time to the last publication."""
    name = f"retail_{number}"
    topic = TopicName(_TOPIC.domain, f"{_TOPIC.entity}_{number}")
    folder = _source(home / "sources", files, name, topic)
    log = home / "runs"
    common = {"folder": str(folder), "topic": str(topic)}
    landed: list[Any] = []
    lake = home / "lake-weir"
    lander = threading.Thread(
        target=lambda: landed.append(
            in_fresh_process(
                "benchmarks.files_csv:land", log / f"land-{number}.log", **common,
                root=str(lake), rows=wanted,
            )
        )
    )  # fmt: skip
    lander.start()
    reader = in_fresh_process(
        "benchmarks.files_csv:read", log / f"read-{number}.log", **common, source=name
    )
    lander.join()
    shutil.rmtree(lake)
    if not landed:
        raise RuntimeError(f"nothing landed: see {log}/land-{number}.log")
    reader.result["seconds"] = landed[0].result["ended"] - reader.result["started"]
    return reader


def _source(folder: Path, files: Path, name: str, topic: TopicName) -> Path:
    """A source with a topic of its own, and the retail contract under that name."""
    home = folder / name
    home.mkdir(parents=True)
    path = REPOSITORY / "platform_assets" / "contracts" / f"{_BASE}.yaml"
    contract = yaml.safe_load(path.read_text())
    contract |= {"id": f"weir:{topic}", "domain": topic.domain}
    contract["schema"][0]["name"] = topic.entity
    (home / f"{topic}.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    attributes = {
        "source": name,
        "connector": "files",
        "owner": "team:bench",
        "config": {"folder": str(files)},
        "streams": [
            {
                "stream": "lines",
                "topic": str(topic),
                "options": {"names": "*.csv", "settled_seconds": 0},
                "columns": _COLUMNS,
                "identity": ["_file", "_row"],
                "occurred_at": "InvoiceDate",
            }
        ],
    }
    text = {"type": "platform_assets.graph.sources.Source", "attributes": attributes}
    (home / "defs.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return folder


def read(folder: str, topic: str, source: str) -> dict[str, Any]:  # noqa: ARG001
    """The reading process: files to the log."""
    from benchmarks.process import cpu_seconds
    from platform_assets.connectors.seam.definition import load_sources
    from platform_assets.connectors.seam.pull import pull

    sources.__path__.append(folder)
    found = load_sources()[source]
    started, begun, cpu = time.time(), time.perf_counter(), cpu_seconds()
    (outcome,) = pull(get_settings(), found)
    if outcome.error or outcome.dead_letters:
        raise RuntimeError(f"{outcome.error} {outcome.reasons}")
    seconds = time.perf_counter() - begun
    return {
        "started": started,
        "to_the_log": outcome.records / seconds,
        "cpu_seconds": cpu_seconds() - cpu,
    }


def land(folder: str, topic: str, root: str, rows: int) -> dict[str, Any]:
    """The stream's process: the log to bronze and silver."""
    from platform_assets.connectors.publish import ensure_topics
    from platform_assets.engines import open_engine
    from platform_assets.streaming.locks import Lease
    from platform_assets.streaming.loop import StreamLoop

    sources.__path__.append(folder)
    settings = get_settings().model_copy(update={"lake_root": root})
    contract = load_contracts()[TopicName.parse(topic)]
    ensure_topics(settings, [contract])
    records, ended = 0, 0.0
    with Lease(settings, f"bench-{topic}", "bench", "1") as lease:
        loop = StreamLoop(
            settings, [contract], open_engine=open_engine,
            fingerprints=lambda item: item.fingerprint, lease=lease, run_id="bench",
        )  # fmt: skip
        for step in loop.steps(0.5):
            if step is None:
                continue
            ended = time.time()
            records += sum(counts.records for counts in step.published.counts.values())
            if records >= rows:
                loop.stop()
    return {"ended": ended, "records": records}
