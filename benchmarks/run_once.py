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
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Options, middle
from benchmarks.process import RunFailedError
from benchmarks.stack import private_home
from platform_assets.gold.project import ensure_manifest
from platform_assets.local import fetch
from platform_assets.local.servers import DEFAULT, with_needs
from platform_assets.settings import REPOSITORY, Settings

EVENTS = 200_000
SEED = 7
GOAL_SECONDS = 180.0
_TIMEOUT_SECONDS = 1800.0


def run(options: Options) -> list[Figure]:
    """``run_once``."""
    events = options.sized(EVENTS, 2000)
    seconds: list[float] = []
    document: dict[str, Any] = {}
    for number in range(1, options.repeats + 1):
        with private_home() as settings:
            _warm(settings)
            spent, document = _once(events)
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


def _once(events: int) -> tuple[float, dict[str, Any]]:
    command = [str(Path(sys.executable).with_name("weir")), "run", "--once", "--json"]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--events", str(events), "--seed", str(SEED)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise RunFailedError(
            f"weir run --once ended with {done.returncode}:\n{done.stderr[-3000:]}"
        )
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if document["events"] != document["bronze_rows"]:
        raise RunFailedError(
            f"weir run --once: {document['events']} events, {document['bronze_rows']} bronze rows"
        )
    return seconds, document
