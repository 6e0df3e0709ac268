"""Reading a live source in a test until what was expected is there."""

from __future__ import annotations

import threading
from typing import Any

from platform_assets.connectors.seam.pull import pull
from tests.connectors.scene import Scene


def read_until(scene: Scene, count: int, seconds: float = 20) -> Any:
    """Read until so many records and dead letters came, it failed, or time is up."""
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    (outcome,) = pull(
        scene.settings,
        scene.source,
        stop=stop,
        told=lambda one: stop.set() if one.records + one.dead_letters >= count else None,
    )
    timer.cancel()
    return outcome
