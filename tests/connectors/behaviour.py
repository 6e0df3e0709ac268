"""What every connector does: one suite over all of them.

A module for a connector subclasses :class:`Behaviour`, gives a ``peer`` fixture, and says in
``PROVES`` what its tests prove; ``test_maturity.py`` compares that with what each type claims.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest

from platform_assets.connectors.seam.pull import open_reader, pull
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.wait import WaitTimeoutError, wait_until
from tests.connectors.scene import Scene, new_source

QUIET_SECONDS = 1.0
PATIENCE_SECONDS = 90.0
"""A queue gives what a killed reader held back again after a while."""

FIELDS = {"id": "integer", "city": "string"}

_CHILD = """
import sys
from platform_assets import sources
sources.__path__.append(sys.argv[1])
from platform_assets.connectors.seam.definition import load_sources
from platform_assets.connectors.seam.pull import pull
from platform_assets.core.settings import get_settings
pull(get_settings(), load_sources()[sys.argv[2]], told=lambda one: print(one.records, flush=True))
"""


class Peer(Protocol):
    """The other side of a connector under test; a fixture makes a new one for each test.

    Attributes:
        connector: the type.
        config: of the source.
        options: of its stream; pages of ten rows or so.
        stream: its name.
        entry: further entries of the stream, e.g. ``columns`` or ``identity``.
    """

    connector: str
    config: dict[str, Any]
    options: dict[str, Any]
    stream: str
    entry: dict[str, Any]

    def add(self, ids: range) -> None:
        """Have the source hold rows ``{id, city}`` beside those that it holds."""
        ...

    def spoil(self, number: int) -> None:
        """Have it hold a row whose ``id`` is this number followed by ``x``: no whole number."""
        ...


class Behaviour:
    """The suite."""

    exact = True
    """Whether the cursor is in the transaction; where the source keeps its own place, a kill may
    repeat rows under the same ids, and silver keeps the first."""

    keeps = True
    """Whether rows that were read stay at the source, so that a new source sees them again."""

    typed = False
    """Whether the source itself refuses a row that is spoiled."""

    @pytest.fixture
    def scene(self, stack: Settings, peer: Peer, tmp_path: Path) -> Iterator[Scene]:
        with new_source(
            stack,
            tmp_path / "sources",
            peer.connector,
            config=peer.config,
            options=peer.options,
            stream=peer.stream,
            fields=FIELDS,
            **peer.entry,
        ) as made:
            self.folder = tmp_path / "sources"
            self.prepare(made, peer)
            yield made

    def prepare(self, scene: Scene, peer: Any) -> None:
        """What a live source needs before anything is added; nothing by default."""

    def read(self, scene: Scene, wanted: int = 0) -> Any:
        """Read to the end; a live source until so many rows and dead letters are in the log.

        Without a number a live source is read for a moment.
        """
        if not scene.source.type.live:
            (outcome,) = pull(scene.settings, scene.source)
            return outcome
        stop = threading.Event()

        def there() -> bool:
            return len(self.ids(scene)) + len(scene.letters()) >= wanted

        def watch() -> None:
            if not wanted:
                stop.wait(QUIET_SECONDS)
            with suppress(WaitTimeoutError):
                wait_until(
                    there, what="all rows", timeout=PATIENCE_SECONDS, every=0.3, cancelled=stop
                )
            stop.set()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        (outcome,) = pull(scene.settings, scene.source, stop=stop)
        stop.set()
        watcher.join(PATIENCE_SECONDS)
        return outcome

    def ids(self, scene: Scene) -> list[int]:
        """The ids that are in the log, each event once where the source may repeat."""
        events = scene.events()
        if not self.exact:
            events = list({one["event_id"]: one for one in events}.values())
        return sorted(one["after"]["id"] for one in events)

    def test_an_empty_source_gives_nothing(self, scene: Scene) -> None:
        outcome = self.read(scene)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (0, 0, None)

    def test_each_row_comes_once_and_later_ones_later(self, scene: Scene, peer: Peer) -> None:
        peer.add(range(1, 26))
        outcome = self.read(scene, 25)
        assert (outcome.records, outcome.error) == (25, None)
        assert self.ids(scene) == list(range(1, 26))
        peer.add(range(26, 31))
        assert self.read(scene, 30).error is None
        assert self.ids(scene) == list(range(1, 31))

    def test_a_row_that_cannot_be_mapped_is_a_dead_letter(self, scene: Scene, peer: Peer) -> None:
        if self.typed:
            pytest.skip("the source refuses such a row itself")
        peer.add(range(1, 4))
        peer.spoil(4)
        peer.add(range(5, 7))
        outcome = self.read(scene, 6)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (5, 1, None)
        assert "4x" in outcome.reasons[0]
        assert "not a valid whole number" in outcome.reasons[0]
        ((raw, headers),) = scene.letters()
        assert b"4x" in raw
        assert (headers["source"], headers["stream"]) == (scene.name, peer.stream)
        assert self.ids(scene) == [1, 2, 3, 5, 6]

    def test_a_kill_in_mid_page_loses_and_doubles_nothing(self, scene: Scene, peer: Peer) -> None:
        peer.add(range(1, 101))
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(self.folder), scene.name],
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        assert child.stdout is not None
        # After the second page's commit the third is under way.
        seen = [child.stdout.readline() for _ in range(2)]
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        assert all(seen), "the child read nothing"
        outcome = self.read(scene, 100)
        assert outcome.error is None, outcome.error
        assert self.ids(scene) == list(range(1, 101))

    def test_a_clean_stop_ends_after_a_page(self, scene: Scene, peer: Peer) -> None:
        peer.add(range(1, 101))
        stop = threading.Event()
        # A page without rows may only keep a place.
        (outcome,) = pull(
            scene.settings,
            scene.source,
            stop=stop,
            told=lambda one: stop.set() if one.records else None,
        )
        assert 0 < outcome.records < 100
        assert outcome.error is None, outcome.error
        assert self.read(scene, 100).error is None
        assert self.ids(scene) == list(range(1, 101))

    def test_check_reaches_it(self, scene: Scene) -> None:
        reader = open_reader(scene.settings, scene.source)
        try:
            assert reader.check()
        finally:
            reader.close()
