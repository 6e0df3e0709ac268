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
from dataclasses import dataclass
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
LARGE_MEGABYTES = 10_000
MEMORY_GOAL = 1.25
"""Flat: three times the file takes at most so many times the memory."""
_LINE_BYTES = 85
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
    """``files_csv`` and ``files_csv_bulk``: both ways in one run, beside one baseline."""
    wanted = options.sized(ROWS, 10_000)
    ways = {"files_csv": ("", GOAL), "files_csv_bulk": ("1 B", BULK_GOAL)}
    with private_stack() as settings:
        files = settings.home / "retail"
        size = write_files(files, wanted)
        options.say(f"files_csv: {wanted:,} rows, {size / 1e6:,.0f} MB of CSV")
        sides: dict[str, list[_Run]] = {"bare": [], **{name: [] for name in ways}}
        for number in range(1, options.repeats + 1):
            lake = settings.home / "lake-bare"
            done = in_fresh_process(
                "benchmarks.files_csv:bare", settings.home / "runs" / f"bare-{number}.log",
                files=str(files), root=str(lake),
            )  # fmt: skip
            sides["bare"].append(_Run(done.result["seconds"], done.peak_memory_mb, {}))
            shutil.rmtree(lake)
            for name, (over, _) in ways.items():
                sides[name].append(_weir(settings.home, files, wanted, f"{name}_{number}", over))
            for side, runs in sides.items():
                options.say(
                    f"files_csv: run {number}, {side}: {wanted / runs[-1].seconds:,.0f} rows/s, "
                    f"{runs[-1].peak_memory_mb:,.0f} MiB"
                )
    rates = {side: middle([wanted / one.seconds for one in runs]) for side, runs in sides.items()}
    memory = {side: round(middle([one.peak_memory_mb for one in runs]))
              for side, runs in sides.items()}  # fmt: skip
    return [
        Figure(
            name,
            rates[name],
            "rows/s",
            rates["bare"],
            rates[name] / rates["bare"],
            f"ratio at least {goal}",
            rates[name] / rates["bare"] >= goal if options.scale >= 1 else None,
            {
                "rows": wanted,
                "megabytes": round(size / 1e6),
                "runs": len(sides[name]),
                "peak_memory_mb": memory[name],
                "baseline_peak_memory_mb": memory["bare"],
                **sides[name][-1].extra,
            },
        )
        for name, (_, goal) in ways.items()
    ]


def run_memory(options: Options) -> list[Figure]:
    """``files_csv_memory``: the peak of one large bulk file beside that of a third of it."""
    peaks: list[float] = []
    sizes = [options.sized(LARGE_MEGABYTES // 3, 10), options.sized(LARGE_MEGABYTES, 30)]
    with private_stack() as settings:
        for number, megabytes in enumerate(sizes):
            files = settings.home / f"large-{number}"
            rows = write_large(files, megabytes)
            done = _weir(settings.home, files, rows, f"large_{number}", "1 B")
            shutil.rmtree(files)
            peaks.append(done.peak_memory_mb)
            options.say(
                f"files_csv_memory: {megabytes:,} MB, {rows:,} rows: {done.peak_memory_mb:,.0f} "
                f"MiB at peak, {rows / done.seconds:,.0f} rows/s"
            )
    return [
        Figure(
            "files_csv_memory",
            peaks[1],
            "MiB",
            peaks[0],
            peaks[1] / peaks[0],
            f"ratio at most {MEMORY_GOAL}",
            peaks[1] / peaks[0] <= MEMORY_GOAL if options.scale >= 1 else None,
            {"megabytes": sizes[1], "baseline_megabytes": sizes[0]},
        )
    ]


@dataclass(frozen=True)
class _Run:
    """One run of a side.

    Attributes:
        seconds: from the start of reading to the last publication.
        peak_memory_mb: of its larger process.
        extra: more for the figure.
    """

    seconds: float
    peak_memory_mb: float
    extra: dict[str, Any]


def write_large(folder: Path, megabytes: int) -> int:
    """One file of lines as :func:`write_files` has them, a year long; returns its rows."""
    folder.mkdir(parents=True, exist_ok=True)
    path, block, rows = folder / "retail.csv", 500_000, 0
    total = megabytes * 1_000_000 // _LINE_BYTES
    every = 365 * 86_400_000_000 // total
    begin = pl.datetime(2020, 1, 1)
    with path.open("wb") as file:
        while file.tell() < megabytes * 1_000_000:
            row = pl.int_range(rows, rows + block)
            pl.select(
                (536_365 + row // 20 % 400_000).alias("InvoiceNo"),
                (10_000 + row % 3000).alias("StockCode"),
                pl.lit("WHITE HANGING HEART").alias("Description"),
                (1 + row % 48).alias("Quantity"),
                (begin + pl.duration(microseconds=row * every))
                .dt.strftime("%Y-%m-%d %H:%M:00").alias("InvoiceDate"),
                (19 + row % 4995).truediv(100).alias("UnitPrice"),
                (12_000 + row % 6000).alias("CustomerID"),
                pl.lit("United Kingdom").alias("Country"),
            ).write_csv(file, include_header=not rows)  # fmt: skip
            rows += block
    return rows


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


def _weir(home: Path, files: Path, wanted: int, name: str, bulk_over: str) -> _Run:
    """Both processes at once."""
    topic = TopicName(_TOPIC.domain, f"{_TOPIC.entity}_{name}")
    folder = _source(home / "sources", files, name, topic, bulk_over)
    log = home / "runs"
    common = {"folder": str(folder), "topic": str(topic)}
    landed: list[Any] = []
    lake = home / "lake-weir"
    lander = threading.Thread(
        target=lambda: landed.append(
            in_fresh_process(
                "benchmarks.files_csv:land", log / f"land-{name}.log", **common,
                root=str(lake), rows=wanted,
            )
        )
    )  # fmt: skip
    lander.start()
    reader = in_fresh_process(
        "benchmarks.files_csv:read", log / f"read-{name}.log", **common, source=name
    )
    lander.join()
    shutil.rmtree(lake)
    if not landed:
        raise RuntimeError(f"nothing landed: see {log}/land-{name}.log")
    cpu = {"reader": reader.result["cpu_seconds"], "stream": landed[0].result["cpu_seconds"]}
    return _Run(
        landed[0].result["ended"] - reader.result["started"],
        max(reader.peak_memory_mb, landed[0].peak_memory_mb),
        {f"{side}_cpu_seconds": round(seconds, 1) for side, seconds in cpu.items()},
    )


def _source(folder: Path, files: Path, name: str, topic: TopicName, bulk_over: str) -> Path:
    """A source with a topic of its own, and the retail contract under that name."""
    home = folder / name
    home.mkdir(parents=True)
    path = REPOSITORY / "platform_assets" / "contracts" / f"{_BASE}.yaml"
    contract = yaml.safe_load(path.read_text())
    contract |= {"id": f"weir:{topic}", "domain": topic.domain}
    contract["schema"][0]["name"] = topic.entity
    (home / f"{topic}.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    options: dict[str, Any] = {"names": "*.csv", "settled_seconds": 0}
    options |= {"bulk_over": bulk_over} if bulk_over else {}
    attributes = {
        "source": name,
        "connector": "files",
        "owner": "team:bench",
        "config": {"folder": str(files)},
        "streams": [
            {
                "stream": "lines",
                "topic": str(topic),
                "options": options,
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
    started, cpu = time.time(), cpu_seconds()
    (outcome,) = pull(get_settings(), found)
    if outcome.error or outcome.dead_letters:
        raise RuntimeError(f"{outcome.error} {outcome.reasons}")
    return {"started": started, "cpu_seconds": cpu_seconds() - cpu}


def land(folder: str, topic: str, root: str, rows: int) -> dict[str, Any]:
    """The stream's process: the log to bronze and silver."""
    from benchmarks.process import cpu_seconds
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
    return {"ended": ended, "records": records, "cpu_seconds": cpu_seconds()}
