"""How long Dagster's processes take to load the definitions, against importing Dagster alone.

Each run is a fresh interpreter: ``import platform_assets.definitions`` and ``import dagster,
dagster_dbt`` in turn, wall time from the start of the process to its end. One unmeasured run
of each comes first, so that bytecode and the page cache are warm for both.
"""

from __future__ import annotations

import os
import sys
import time

from benchmarks.figures import Figure, Options, middle
from benchmarks.stack import private_home
from platform_assets.core.settings import REPOSITORY
from platform_assets.gold.project import ensure_manifest

WEIR = "import platform_assets.definitions"
BARE = "import dagster, dagster_dbt"
GOAL = 1.5


def run(options: Options) -> list[Figure]:
    """``definitions_load``."""
    weir: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    with private_home():
        ensure_manifest()
        for number in range(options.repeats + 1):
            pair = (_import(BARE), _import(WEIR))
            if number:
                bare.append(pair[0])
                weir.append(pair[1])
    value, baseline = (middle([seconds for seconds, _ in runs]) for runs in (weir, bare))
    ratio = value / baseline
    return [
        Figure(
            "definitions_load",
            value,
            "s",
            baseline,
            ratio,
            f"ratio at most {GOAL:g}",
            ratio <= GOAL,
            {
                "runs": len(weir),
                "peak_memory_mb": round(middle([memory for _, memory in weir])),
                "baseline_peak_memory_mb": round(middle([memory for _, memory in bare])),
                "seconds": [round(seconds, 2) for seconds, _ in weir],
                "baseline_seconds": [round(seconds, 2) for seconds, _ in bare],
            },
        )
    ]


def _import(statement: str) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of a fresh interpreter that runs one statement."""
    code = (
        f"{statement}\nlines = open('/proc/self/status').read().splitlines()\n"
        "print(next(line.split()[1] for line in lines if line.startswith('VmHWM:')))"
    )
    reader, writer = os.pipe()
    started = time.perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code],
        {**os.environ, "PYTHONPATH": str(REPOSITORY)},
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)],
    )
    os.close(writer)
    with os.fdopen(reader) as output:
        said = output.read()
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise RuntimeError(f"`{statement}` failed: run `python -c '{statement}'` to see why")
    return seconds, int(said.split()[-1]) / 1024
