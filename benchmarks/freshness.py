"""From event time to a row that can be read: in silver, and in gold through Trino.

One run gives both figures. All servers of the local profile run: Kafka, registry, PostgreSQL,
Trino, Dagster's web server, daemon and code server; the stream run and the fresh gold run are
the real ones, started and kept by their sensors. After a little history, the simulator sends
1,250 records a second over all its topics, from a process of its own, with event time now
(no late and no out-of-order records, whose event time says nothing about the machine;
duplicates and rule breakers as always).

Silver: the Delta log of every append topic's silver table is looked at every 25 ms; a commit
is there for readers as soon as its file is. Its moment is noted and nothing else is done
then. After the run the rows of those commits are read, and each row's latency is its first
commit's moment less its own event time. So every row counts, not a sample.

Gold: the Iceberg catalog's pointer of ``revenue_per_hour`` is looked at every 50 ms in
PostgreSQL; when it has moved, Trino is asked for the number of purchases. Silver's commits
say in which order purchases came; the n-th is visible in gold from the first answer of Trino
that counts at least n.

The measured minutes begin when gold has followed silver for the first time, and a settling
time after that. ``merge_seconds`` are the medians of gold's MERGE statements, as Trino counts them:
whole, planning, and commit. Memory is that of all servers, shared pages once, at the start and the
end of the measured minutes; ``servers_cores`` is the CPU time that each took a second.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from benchmarks import watch
from benchmarks.figures import Figure, Options
from benchmarks.merges import MergeWatch
from benchmarks.process import in_fresh_process
from benchmarks.stack import private_stack
from platform_assets.cli.tour import wait_for_stream
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate.history import simulate_history
from platform_assets.connectors.simulate.live import simulate_live
from platform_assets.connectors.simulate.weave import Shares
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import TopicKind
from platform_assets.core.settings import Settings, get_settings
from platform_assets.gold.project import ensure_manifest
from platform_assets.local import supervise
from platform_assets.local.processes import family
from platform_assets.local.servers import DEFAULT
from platform_assets.local.wait import wait_until

RATE = 1250.0
SECONDS = 600.0
GOALS = {"freshness_silver_p95": 2.0, "freshness_gold_p95": 15.0}
_HISTORY = 20_000
_SETTLE_SECONDS = 20.0
_DRAIN_SECONDS = 20.0
_START_SECONDS = 300.0


@dataclass
class _Run:
    """What one run saw."""

    silver: np.ndarray
    gold: np.ndarray
    memory_start_mb: dict[str, int]
    memory_end_mb: dict[str, int]
    cores: dict[str, float]
    by_topic: dict[str, list[float]] = field(default_factory=dict)
    merges: dict[str, float] = field(default_factory=dict)
    sent: int = 0


def run(options: Options) -> list[Figure]:
    """``freshness_silver_p95`` and ``freshness_gold_p95``."""
    seconds = max(20.0, SECONDS * options.scale)
    ensure_manifest()
    with private_stack(DEFAULT) as settings:
        seen = _measure(options, settings, seconds)
    figures = []
    for name, latencies in (
        ("freshness_silver_p95", seen.silver),
        ("freshness_gold_p95", seen.gold),
    ):
        p50, p95, p99 = np.percentile(latencies, (50, 95, 99))
        figures.append(
            Figure(
                name,
                float(p95),
                "s",
                goal=f"under {GOALS[name]:g} s",
                met=bool(p95 < GOALS[name]) if options.scale >= 1 else None,
                extra={
                    "p50": round(float(p50), 3),
                    "p95": round(float(p95), 3),
                    "p99": round(float(p99), 3),
                    "max": round(float(latencies.max()), 3),
                    "rows": len(latencies),
                    "events_per_second": RATE,
                    "sent": seen.sent,
                    "seconds": seconds,
                    "runs": 1,
                    "memory_start_mb": sum(seen.memory_start_mb.values()),
                    "memory_end_mb": sum(seen.memory_end_mb.values()),
                    **(
                        {
                            "servers_end_mb": seen.memory_end_mb,
                            "servers_cores": seen.cores,
                            "p50_p95_by_topic": seen.by_topic,
                        }
                        if name == "freshness_silver_p95"
                        else {"merge_seconds": seen.merges}
                    ),
                },
            )
        )
    return figures


def _measure(options: Options, settings: Settings, seconds: float) -> _Run:
    contracts = load_contracts()
    ensure_topics(settings, contracts.values())
    simulate_history(settings, 7, options.sized(_HISTORY, 2000))
    options.say("freshness: waiting for the stream run that the sensor starts")
    wait_for_stream(settings, lambda _done, _there: None)
    append = [item for item in contracts.values() if item.kind is TopicKind.APPEND]
    gold = watch.GoldWatch(settings)
    options.say("freshness: waiting for the fresh gold run")
    wait_until(gold.ready, what="revenue_per_hour in Trino", timeout=_START_SECONDS, every=1)
    silver = watch.SilverWatch(settings, append)
    stop = threading.Event()
    sender = _Sender(settings)
    merges = MergeWatch(settings)
    watchers = [threading.Thread(target=item.run, args=(stop,)) for item in (silver, gold, merges)]
    sender.start()
    for thread in watchers:
        thread.start()
    try:
        before = gold.purchases()
        wait_until(
            lambda: gold.purchases() > before,
            what="gold following live data", timeout=_START_SECONDS, every=1,
        )  # fmt: skip
        time.sleep(_SETTLE_SECONDS)
        options.say(f"freshness: measuring for {seconds:.0f} s")
        start, begun = _footprint(settings), time.time()
        time.sleep(seconds)
        end, ended = _footprint(settings), time.time()
        sender.stop()
        time.sleep(_DRAIN_SECONDS)
    finally:
        sender.stop()
        stop.set()
        for thread in watchers:
            thread.join()
    rows = silver.rows()
    latency, of_gold = watch.latencies(rows, gold.answers, begun, ended)
    by_topic = {
        str(topic): [round(float(v), 3) for v in np.percentile(part["latency"], (50, 95))]
        for (topic,), part in latency.group_by("topic")
    }
    return _Run(
        silver=latency["latency"].to_numpy(),
        gold=of_gold.to_numpy(),
        memory_start_mb={name: memory for name, (memory, _) in start.items()},
        memory_end_mb={name: memory for name, (memory, _) in end.items()},
        cores={
            name: round((spent - start[name][1]) / (ended - begun), 3)
            for name, (_, spent) in end.items()
            if name in start
        },
        by_topic=by_topic,
        merges=merges.medians(),
        sent=sender.sent,
    )


def _footprint(settings: Settings) -> dict[str, tuple[int, float]]:
    """MiB held and CPU seconds spent so far, of each server with all its processes."""
    return {
        row.name: (row.memory_bytes >> 20, _spent(row.pid))
        for row in supervise.status(settings, DEFAULT)
        if row.pid
    }


def _spent(pid: int) -> float:
    seconds = 0.0
    for process in family([psutil.Process(pid)]):
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


class _Sender(threading.Thread):
    """Runs the process that sends, until told to stop."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="sender")
        self._folder = settings.home / "runs"
        self._stop_file = self._folder / "send.stop"
        self.sent = 0

    def run(self) -> None:
        """Wait for the process."""
        done = in_fresh_process(
            "benchmarks.freshness:send", self._folder / "send.log", stop_file=str(self._stop_file)
        )
        self.sent = int(done.result)

    def stop(self) -> None:
        """Have it end and wait for it."""
        self._folder.mkdir(exist_ok=True)
        self._stop_file.touch()
        self.join()


def send(stop_file: str) -> int:
    """Send live records until a file appears; called in a process of its own."""
    stop = threading.Event()

    def wait() -> None:
        while not Path(stop_file).exists():
            time.sleep(0.2)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    shares = Shares(late=0.0, out_of_order=0.0)
    return simulate_live(get_settings(), 7, RATE, stop, shares=shares).events
