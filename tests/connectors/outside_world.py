"""The made-up outside world in a test: its sources connected, its shop shown, what each topic says.

Belongs here: what the tests of that world share. Does not belong here: any test.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from platform_assets import sources
from platform_assets.connectors.seam.definition import SourceDefinition
from platform_assets.connectors.seam.run import SourceLoop
from platform_assets.connectors.simulate.outside.connected import connected_sources, write_sources
from platform_assets.connectors.simulate.outside.parts import show
from platform_assets.connectors.simulate.outside.shop import Order, Shop
from platform_assets.connectors.simulate.outside.web import serve
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings, get_settings
from platform_assets.local import fetch
from platform_assets.local.servers import mqtt_broker
from platform_assets.local.wait import wait_until
from tests.connectors.scene import Scene
from tests.connectors.servers import running


@dataclass
class World:
    """A shop that some kinds of source read.

    Attributes:
        began: when, in microseconds since 1970.
        told: each state of an order, in order.
    """

    settings: Settings
    shop: Shop
    began: int = field(default_factory=lambda: round(time.time() * 1e6))
    told: list[Order] = field(default_factory=list)

    @property
    def sources(self) -> dict[str, SourceDefinition]:
        return connected_sources(self.settings)

    def let_pass(self, changes: int) -> None:
        """Let orders come and change."""
        for _ in range(changes):
            self.told.append(self.shop.tick())

    def read(self, **counts: int) -> None:
        """Read all sources: those that are named until so many records came, the others once."""
        loop = SourceLoop(self.settings, self.sources)
        waiting = {name: counts.get(name, 0) for name in self.sources}
        for told in loop.steps(1.0):
            if told is not None:
                assert told.outcome.error is None, told.outcome.error
                assert told.outcome.dead_letters == 0, told.outcome.reasons
                left = waiting.get(told.source, 0) - told.outcome.records
                # Without records a read is over, and all began after the last change.
                if left > 0 or (told.source not in counts and told.outcome.records):
                    waiting[told.source] = max(0, left)
                else:
                    waiting.pop(told.source, None)
            if not waiting:
                loop.stop()

    def events(self, source: str) -> list[dict[str, Any]]:
        """The envelopes that came since the world began, each id once."""
        (stream,) = self.sources[source].fields.streams
        scene = Scene(self.settings, source, TopicName.parse(stream.topic))
        ours = [one for one in scene.events() if micros(one["ingested_at"]) >= self.began]
        return list({one["event_id"]: one for one in ours}.values())


def micros(moment: Any) -> int:
    """A moment of an envelope."""
    return round(moment.timestamp() * 1e6) if hasattr(moment, "timestamp") else int(moment)


@contextmanager
def world(stack: Settings, kinds: Sequence[str], folder: Path) -> Iterator[World]:
    """The shop, shown to these kinds; with a broker of its own where one of them is ``mqtt``."""
    path, stop = list(sources.__path__), threading.Event()
    with ExitStack() as undo:
        patch = undo.enter_context(pytest.MonkeyPatch.context())
        for name, value in write_sources(stack, kinds).items():
            patch.setenv(name, value)
        for cached in (load_contracts, get_settings):
            cached.cache_clear()
            undo.callback(cached.cache_clear)
        undo.callback(sources.__path__.__setitem__, slice(None), path)
        settings = get_settings()
        if "mqtt" in kinds:
            broker = mqtt_broker(settings)
            fetch.ensure(broker.bundles, cache=settings.cache)
            broker.prepare()
            undo.enter_context(running(broker.command, *broker.ports, folder / "log"))
            wait_until(broker.probe, what=broker.name, timeout=30)
        undo.callback(stop.set)
        made = World(settings, Shop())
        show(kinds, settings, made.shop, stop)
        serve(made.shop, settings.outside_port, stop)
        yield made
