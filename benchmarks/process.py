"""Each measured run in a process of its own, with its peak memory.

Belongs here: calling a function in a fresh interpreter and reading high-water marks. Does not
belong here: what is measured.

The high-water mark is VmHWM, not ``ru_maxrss``: that one a child inherits from its parent.
Processes below the run (Spark's JVM and its Python workers) are added, each at its own peak,
so pages that they share count more than once.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from platform_assets.core.settings import REPOSITORY

TIMEOUT_SECONDS = 3600.0
_LOG_TAIL = 3000


class RunFailedError(RuntimeError):
    """A measured run ended with an error; carries the end of what it said."""


@dataclass(frozen=True)
class Measured:
    """What a run returned, and the most memory that it held."""

    result: Any
    peak_memory_mb: float


def in_fresh_process(target: str, log: Path, **arguments: Any) -> Measured:
    """Call ``module:function`` with JSON arguments in a new interpreter.

    Args:
        target: what to call; its result must be JSON.
        log: where the process's output goes; the result is written beside it.
        arguments: keyword arguments.

    Raises:
        RunFailedError: it failed; shows the end of its log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    answer = log.with_suffix(".json")
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.process", target, str(answer)]
    with log.open("w") as output:
        done = subprocess.run(
            [*command, json.dumps(arguments)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode != 0 or not answer.exists():
        raise RunFailedError(
            f"{target} ended with status {done.returncode}:\n{log.read_text()[-_LOG_TAIL:]}"
        )
    document = json.loads(answer.read_text())
    return Measured(document["result"], document["peak_memory_mb"])


def peak_memory_mb() -> float:
    """High-water mark of this process and those below it, in MiB."""
    own = psutil.Process()
    return sum(_high_water(process) for process in (own, *own.children(recursive=True))) / 1024


def cpu_seconds() -> float:
    """CPU time that this process and those below it have taken so far."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _high_water(process: psutil.Process) -> int:
    with suppress(OSError, psutil.Error):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def main() -> None:
    """Entry of the fresh process: target, answer file, arguments."""
    target, answer, arguments = sys.argv[1:]
    module, _, name = target.partition(":")
    result = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    # Read before anything is torn down: Spark's processes end with this one.
    document = {"peak_memory_mb": round(peak_memory_mb(), 1), "result": result}
    part = Path(f"{answer}.part")
    part.write_text(json.dumps(document))
    part.rename(answer)
    sys.stdout.flush()
    sys.stderr.flush()


if __name__ == "__main__":
    main()
