"""What an installation costs that nobody uses: every server of ``weir up``, no data.

Cores are CPU seconds by second over a few minutes, after the long-lived runs have started: of each
server's processes and of the runs below it, those that ended included. Memory is what ``weir
status`` shows: of a server and its children, shared pages counted once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

from benchmarks.figures import Figure, Options
from benchmarks.stack import private_stack
from platform_assets.core.settings import Settings
from platform_assets.gold.project import ensure_manifest
from platform_assets.local import supervise
from platform_assets.local.servers import DEFAULT

GOAL_CORES, GOAL_GIB = 0.15, 2.5
SETTLE_SECONDS, MEASURED_SECONDS = 150.0, 180.0


def run(options: Options) -> list[Figure]:
    """``idle``: once, however many repeats are asked for, as it takes minutes."""
    ensure_manifest()
    with private_stack(DEFAULT) as settings:
        options.say("idle: the servers are up; waiting until their start is over")
        time.sleep(min(SETTLE_SECONDS, SETTLE_SECONDS * options.scale))
        cores, memory = measure(settings, min(MEASURED_SECONDS, MEASURED_SECONDS * options.scale))
    for name in cores:
        options.say(f"idle: {name:<18} {cores[name]:.3f} cores  {memory[name] / 2**20:6,.0f} MiB")
    total, gib = sum(cores.values()), sum(memory.values()) / 2**30
    return [
        Figure(
            "idle",
            total,
            "cores",
            goal=f"at most {GOAL_CORES:g} cores and {GOAL_GIB:g} GiB",
            met=total <= GOAL_CORES and gib <= GOAL_GIB if options.scale >= 1 else None,
            extra={
                "gib": round(gib, 2),
                "cores": {name: round(value, 3) for name, value in cores.items()},
                "mib": {name: round(value / 2**20) for name, value in memory.items()},
            },
        )
    ]


def measure(settings: Settings, seconds: float) -> tuple[dict[str, float], dict[str, int]]:
    """Cores and bytes of each server that runs.

    Args:
        settings: of the installation.
        seconds: how long to look.
    """
    pids = {row.name: row.pid for row in supervise.status(settings) if row.pid}
    before, began = _spent(pids), time.monotonic()
    time.sleep(seconds)
    after, past = _spent(pids), time.monotonic() - began
    memory = {row.name: row.memory_bytes for row in supervise.status(settings) if row.pid}
    return {name: max(0.0, after[name] - before[name]) / past for name in pids}, memory


def _spent(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds of each process, of those below it, and of what these have waited for."""
    found = dict.fromkeys(pids, 0.0)
    for name, pid in pids.items():
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(pid)
            for one in (top, *top.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    found[name] += sum(one.cpu_times()[:4])
    return found
