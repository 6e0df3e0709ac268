"""The connector ``rest`` into the log, from a small API over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.api_peer import BY_SEQ, PAGINATIONS, Api, loopback
from tests.connectors.behaviour import Behaviour
from tests.connectors.scene import Scene
from tests.peer import Answer

PROVES = {"rest": Maturity.EMULATOR}


class _Rows:
    """The peer of the suite."""

    connector = "rest"
    stream = "rows"
    options: ClassVar[dict[str, Any]] = {**PAGINATIONS["link"], "incremental": BY_SEQ}
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self, api: Api) -> None:
        self.config = {"base_url": api.url, "attempts": 3}
        self.api, self.add, self.spoil = api, api.add, api.spoil


class TestBehaviour(Behaviour):
    @pytest.fixture
    def stack(self, stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
        with loopback(stack, monkeypatch) as settings:
            yield settings

    @pytest.fixture
    def peer(self) -> Iterator[_Rows]:
        with Api().serving() as api:
            yield _Rows(api)

    def test_a_changed_schema_is_read_and_what_does_not_fit_is_a_dead_letter(
        self, scene: Scene, peer: _Rows
    ) -> None:
        peer.add(range(1, 4))
        self.read(scene)
        for n in (4, 5, 6):
            peer.api.rows.append({"id": n, "town": "Bonn", "seq": n, "more": {"a": [n]}})
        peer.api.rows[-1]["id"] = {"new": 6}
        outcome = self.read(scene)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (2, 1, None)
        assert scene.rows()[-1] == {"id": 5, "city": None}
        assert f"{peer.api.url}/link, record 3" in outcome.reasons[0]

    def test_a_fault_ends_the_read_and_keeps_what_was_committed(
        self, scene: Scene, peer: _Rows
    ) -> None:
        peer.add(range(1, 26))
        seen = iter(range(10))
        peer.api.before = lambda _: Answer(500) if next(seen) >= 2 else None
        outcome = self.read(scene)
        assert outcome.records == 20
        assert "answers 500" in str(outcome.error)
        peer.api.before = lambda _: None
        assert self.read(scene).error is None
        assert self.ids(scene) == list(range(1, 26))
        assert cursors.read(scene.settings)[scene.name, "rows"] == {"since": 25}
        peer.api.before = lambda _: Answer(body={"value": [{"id": 26, "seq": 26}, 7]})
        outcome = self.read(scene)
        assert (outcome.records, outcome.dead_letters) == (1, 1)
        assert "record 2: expected an object" in outcome.reasons[0]
