"""Reading a live source in a test until what was expected is there."""

from __future__ import annotations

import threading
from typing import Any

from platform_assets.connectors.seam.pull import pull
from platform_assets.connectors.seam.run import SourceLoop
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


class Running:
    """A source that is read as the sources run reads it."""

    def __init__(self, scene: Scene) -> None:
        self.loop = SourceLoop(scene.settings, {scene.name: scene.source})
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for told in self.loop.steps(0.2):
            if told is not None and told.outcome.error:
                self.errors.append(told.outcome.error)

    def stop(self) -> None:
        self.loop.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()
