"""``python -m benchmarks``: run benches, a line of JSON for each figure, a table for people.

Belongs here: options, order, output. Does not belong here: any bench.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from types import FrameType

from rich.console import Console

from benchmarks.figures import Figure, Options, show

BENCHES: dict[str, str] = {
    "ingest_local": "ingest:run_local",
    "ingest_spark": "ingest:run_spark",
    "files_csv": "files_csv:run",
    "files_csv_bulk": "files_csv:run",
    "files_csv_memory": "files_csv:run_memory",
    "growth": "growth:run",
    "freshness_silver_p95": "freshness:run",
    "freshness_gold_p95": "freshness:run",
    "cdc_kafka_p95": "cdc:run",
    "cdc_silver_p95": "cdc:run",
    "definitions_load": "definitions_load:run",
    "server_start": "server_start:run",
    "run_once": "run_once:run",
    "idle": "idle:run",
    "retrieval": "retrieval:run",
    "embed": "embed:run",
    "number_guard": "number_guard:run",
    "report_pdf": "report_pdf:run",
    "nab": "nab:run",
    "vus_pr": "nab:run",
    "anomaly_stream": "nab:run",
    "anomaly_choice": "anomaly_choice:run",
    "canary_aa": "canary:run_aa",
    "canary_ab": "canary:run_ab",
    "drift_null": "drift:run_null",
    "drift_delay": "drift:run_delay",
    "purchase": "purchase:run",
    "predict": "predict:run",
    "sentiment": "text:run_sentiment",
    "entities": "text:run_entities",
    "languages": "text:run_languages",
    "study": "study:run",
    "packing": "packing:run",
    "webhook": "webhook:run",
    "mqtt": "mqtt:run",
    "rest": "rest:run",
    "processor": "processor:run",
    "dashboard": "dashboard:run",
    "questions": "questions:run",
    "ask": "questions:run",
    "metrics_api": "metrics_api:run",
    "metrics_cache": "metrics_api:run",
}
"""Each figure's name and what measures it; a target that gives two figures runs once."""


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; the exit status says whether every bench could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHES), action="append", help="one figure")
    parser.add_argument("--scale", type=float, default=1.0, help="1.0: the goals' sizes")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each side")
    parsed = parser.parse_args(arguments)
    if parsed.scale <= 0 or parsed.repeats < 1:
        parser.error("--scale must be above 0 and --repeats at least 1")
    # A bench that is told to end stops its servers first.
    signal.signal(signal.SIGTERM, _interrupted)
    options = Options(parsed.scale, parsed.repeats, Console(stderr=True))
    wanted = [name for name in BENCHES if name in (parsed.only or BENCHES)]
    load = os.getloadavg()[0]
    options.say(f"{os.cpu_count()} cores, load {load:.1f} at the start, scale {parsed.scale}")
    shown: list[Figure] = []
    failed = False
    for target in dict.fromkeys(BENCHES[name] for name in wanted):
        module, _, function = target.partition(":")
        try:
            run = getattr(importlib.import_module(f"benchmarks.{module}"), function)
            figures: list[Figure] = run(options)
        except Exception:  # noqa: BLE001 - the other benches are still worth their figures
            options.console.print_exception()
            failed = True
            continue
        for figure in figures:
            if figure.bench in wanted:
                shown.append(figure)
                print(figure.as_json(), flush=True)
    show(options.console, shown)
    return 1 if failed else 0


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
