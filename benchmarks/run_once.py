"""The whole of ``weir run --once`` with a warm cache: servers, data, stream, gold, shutdown.

Each run is the command itself in a home of its own, made anew; the seconds are those of the
process from start to end. The seconds of its stages are the last run's. What it must fetch is
fetched before the clock starts. The balance of its records is checked, so that a run that
lost some cannot count as fast.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Options, middle
from benchmarks.process import RunFailedError
from benchmarks.stack import private_home
from platform_assets.cli.run import ONCE_FOLDER
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.gold.project import ensure_manifest
from platform_assets.local import fetch, supervise
from platform_assets.local.servers import DEFAULT, with_needs

EVENTS = 200_000
SEED = 7
GOAL_SECONDS = 180.0
_TIMEOUT_SECONDS = 1800.0
_STOP_SECONDS = 60.0


def run(options: Options) -> list[Figure]:
    """``run_once``."""
    events = options.sized(EVENTS, 2000)
    seconds: list[float] = []
    document: dict[str, Any] = {}
    for number in range(1, options.repeats + 1):
        with private_home() as settings:
            _warm(settings)
            spent, document = _once(settings, events)
        seconds.append(spent)
        options.say(f"run_once: run {number}: {spent:.1f} s")
    value = middle(seconds)
    return [
        Figure(
            "run_once",
            value,
            "s",
            goal=f"under {GOAL_SECONDS:g} s",
            met=value < GOAL_SECONDS if options.scale >= 1 else None,
            extra={
                "events": document["events"],
                "runs": len(seconds),
                "seconds": [round(spent, 1) for spent in seconds],
                "stages": document["seconds"],
            },
        )
    ]


def _warm(settings: Settings) -> None:
    fetch.ensure(
        (bundle for server in with_needs(settings, DEFAULT) for bundle in server.bundles),
        None,
        cache=settings.cache,
    )
    ensure_manifest()


def _once(settings: Settings, events: int) -> tuple[float, dict[str, Any]]:
    command = [str(Path(sys.executable).with_name("weir")), "run", "--once", "--json"]
    started = time.perf_counter()
    running = subprocess.Popen(
        [*command, "--events", str(events), "--seed", str(SEED)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        said, told = running.communicate(timeout=_TIMEOUT_SECONDS)
        seconds = time.perf_counter() - started
    finally:
        # Interrupted or too slow: ask it to end, for only it stops its servers in good order.
        if running.poll() is None:
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.wait(_STOP_SECONDS)
        running.kill()
        # The command keeps its servers in a home below ours; none are left when it ended itself.
        supervise.stop(settings.model_copy(update={"home": settings.home / ONCE_FOLDER}))
    if running.returncode != 0:
        raise RunFailedError(f"weir run --once ended with {running.returncode}:\n{told[-3000:]}")
    document: dict[str, Any] = json.loads(said.splitlines()[-1])
    if document["events"] != document["bronze_rows"]:
        raise RunFailedError(
            f"weir run --once: {document['events']} events, {document['bronze_rows']} bronze rows"
        )
    return seconds, document
