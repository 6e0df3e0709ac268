"""Bronze and silver of events that wait on Kafka: Weir against a bare loop, for both engines.

Belongs here: the order of the runs, the comparison of both sides' tables, the figures. Does
not belong here: the two sides (:mod:`.weir_ingest`, :mod:`.bare_local`, :mod:`.bare_spark`).

Both sides read the same topic with the same batch size, each run in a fresh process into a
fresh lake, after a small topic has warmed that process (imports, consumer, JVM). Timed is the
time from the start of the loop to the last publication. After the first pair the tables of
both sides are compared row for row: a bare loop that did less would be no baseline.
"""

from __future__ import annotations

import shutil
from typing import Any

import polars as pl

from benchmarks import events
from benchmarks.figures import Figure, Options, middle
from benchmarks.process import in_fresh_process
from benchmarks.stack import private_stack
from platform_assets.core.settings import EngineName

EVENTS = {EngineName.LOCAL: 2_000_000, EngineName.SPARK: 500_000}
GOALS = {EngineName.LOCAL: 0.7, EngineName.SPARK: 0.8}
_WARM_EVENTS = 20_000
_DAYS_PER_MILLION = 28.0


class DifferentTablesError(RuntimeError):
    """The two sides did not do the same work."""


def run_local(options: Options) -> list[Figure]:
    """``ingest_local``."""
    return [_run(options, EngineName.LOCAL)]


def run_spark(options: Options) -> list[Figure]:
    """``ingest_spark``."""
    return [_run(options, EngineName.SPARK)]


def _run(options: Options, engine: EngineName) -> Figure:
    name = f"ingest_{engine}"
    wanted = options.sized(EVENTS[engine], 1000)
    with private_stack() as settings:
        options.say(f"{name}: {wanted:,} events to Kafka")
        events.produce(settings, "warm", min(wanted, _WARM_EVENTS), 1)
        events.produce(settings, "clickstream", wanted, wanted / 1e6 * _DAYS_PER_MILLION)
        weir: list[Any] = []
        bare: list[Any] = []
        for number in range(1, options.repeats + 1):
            roots = {}
            for side, runs in (("bare", bare), ("weir", weir)):
                roots[side] = str(settings.home / f"lake-{side}")
                log = settings.home / "runs" / f"{side}-{number}.log"
                runs.append(_measured(side, engine, roots[side], log))
                rate = wanted / runs[-1].result["seconds"]
                options.say(f"{name}: run {number}, {side}: {rate:,.0f} events/s")
            if number == 1:
                _compare(roots["bare"], roots["weir"])
            for root in roots.values():
                shutil.rmtree(root)
    return _figure(options, name, engine, wanted, weir, bare)


def _measured(side: str, engine: EngineName, root: str, log: Any) -> Any:
    arguments = {"entity": "clickstream", "warm_entity": "warm", "root": root}
    if side == "weir":
        return in_fresh_process(
            "benchmarks.weir_ingest:ingest", log, engine=str(engine), **arguments
        )
    return in_fresh_process(f"benchmarks.bare_{engine}:ingest", log, **arguments)


def _figure(
    options: Options, name: str, engine: EngineName, wanted: int, weir: list[Any], bare: list[Any]
) -> Figure:
    value, baseline = (
        middle([wanted / run.result["seconds"] for run in runs]) for runs in (weir, bare)
    )
    goal = GOALS[engine]
    return Figure(
        name,
        value,
        "events/s",
        baseline,
        value / baseline,
        f"ratio at least {goal}",
        value / baseline >= goal if options.scale >= 1 else None,
        {
            "events": wanted,
            "runs": len(weir),
            "peak_memory_mb": round(middle([run.peak_memory_mb for run in weir])),
            "baseline_peak_memory_mb": round(middle([run.peak_memory_mb for run in bare])),
            "seconds": [round(run.result["seconds"], 2) for run in weir],
            "baseline_seconds": [round(run.result["seconds"], 2) for run in bare],
            "cpu_seconds": round(middle([run.result["cpu_seconds"] for run in weir]), 1),
            "baseline_cpu_seconds": round(middle([run.result["cpu_seconds"] for run in bare]), 1),
            "published": weir[0].result["published"],
            "quarantined": weir[0].result["quarantined"],
            "duplicates": weir[0].result["duplicates"],
        },
    )


def _compare(bare: str, weir: str) -> None:
    """See that both sides wrote the same rows, whatever batch each row came in.

    Raises:
        DifferentTablesError: they did not; names the table and what differs.
    """
    topic = events.contract_for("clickstream").topic
    for table in (topic.bronze, topic.silver, topic.quarantine):
        frames = [
            pl.read_delta(f"{root}/{table.path}").drop("_micro_batch") for root in (bare, weir)
        ]
        place = [name for name in frames[0].columns if name.endswith(("_partition", "_offset"))]
        left, right = (frame.sort(place) for frame in frames)
        if len(left) != len(right):
            raise DifferentTablesError(f"{table.sql}: bare {len(left)} rows, Weir {len(right)}")
        differing = [name for name in left.columns if not left[name].equals(right[name])]
        if differing:
            raise DifferentTablesError(f"{table.sql}: columns {differing} differ")
