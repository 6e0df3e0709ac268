"""What a class archive spares at a server's start: the same starts with it and without.

CPU seconds of each Java server's process from its launch until it answers, on stores of its own.
The two ways take turns: without archives the servers are told so by ``JAVA_TOOL_OPTIONS``. Two
unmeasured starts of each way come first: at the second one's end archives are written that were not
there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks.figures import Figure, Options, middle
from benchmarks.stack import private_home
from platform_assets.core.settings import Settings
from platform_assets.local import supervise

SERVERS = ("kafka", "registry", "trino")
GOAL = 0.7
UNMEASURED = 2


def run(options: Options) -> list[Figure]:
    """``server_start``: CPU seconds of all :data:`SERVERS` together."""
    found: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    with private_home() as settings:
        for number in range(options.repeats + UNMEASURED):
            for way, runs in found.items():
                with _sharing(way == "with"):
                    seconds = _start(settings)
                if number >= UNMEASURED:
                    runs.append(seconds)
                options.say(f"server_start: {way} {seconds}")
    value, baseline = (middle([sum(one.values()) for one in found[way]]) for way in found)
    ratio = value / baseline
    return [
        Figure(
            "server_start",
            value,
            "CPU s",
            baseline,
            ratio,
            f"ratio at most {GOAL:g}",
            ratio <= GOAL,
            {
                "runs": options.repeats,
                **{
                    f"{way}_archive": {
                        name: round(middle([one[name] for one in runs]), 2) for name in SERVERS
                    }
                    for way, runs in found.items()
                },
            },
        )
    ]


@contextmanager
def _sharing(wanted: bool) -> Iterator[None]:
    if wanted:
        yield
        return
    before = os.environ.get("JAVA_TOOL_OPTIONS")
    os.environ["JAVA_TOOL_OPTIONS"] = f"{before or ''} -Xshare:off".strip()
    try:
        yield
    finally:
        if before is None:
            del os.environ["JAVA_TOOL_OPTIONS"]
        else:
            os.environ["JAVA_TOOL_OPTIONS"] = before


def _start(settings: Settings) -> dict[str, float]:
    """CPU seconds of each server's process until all are ready; they are stopped again."""
    rows = supervise.start(settings, SERVERS)
    pids = {row.name: row.pid for row in rows if row.name in SERVERS and row.pid}
    seconds = {}
    for name, pid in pids.items():
        times = psutil.Process(pid).cpu_times()
        seconds[name] = round(times.user + times.system, 2)
    supervise.stop(settings)
    return seconds
