"""The made-up outside world of ``weir run --sources``: every kind of source reads its shop."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from platform_assets import sources
from platform_assets.connectors.seam.definition import load_sources
from platform_assets.connectors.seam.run import SourceLoop
from platform_assets.connectors.simulate.outside.connected import kinds_of, write_sources
from platform_assets.connectors.simulate.outside.parts import PARTS
from platform_assets.connectors.simulate.outside.shop import Shop
from platform_assets.connectors.simulate.outside.web import serve
from platform_assets.contracts.load import load_contracts
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings

WANTED = 30


@pytest.fixture
def connected(stack: Settings) -> Iterator[Settings]:
    """The source folders of this home, and the settings that allow to read them."""
    path = list(sources.__path__)
    with ExitStack() as undo:
        patch = undo.enter_context(pytest.MonkeyPatch.context())
        for name, value in write_sources(stack, kinds_of("all")).items():
            patch.setenv(name, value)
        for cached in (load_contracts, get_settings):
            cached.cache_clear()
            undo.callback(cached.cache_clear)
        undo.callback(sources.__path__.__setitem__, slice(None), path)
        yield get_settings()


@pytest.fixture
def shop(connected: Settings) -> Iterator[Shop]:
    """The shop, shown to all kinds."""
    stop, made = threading.Event(), Shop()
    serve(made, connected.outside_port, stop)
    for part in PARTS.values():
        part(connected, made, stop)
    yield made
    stop.set()


def test_every_kind_of_source_reads_the_shop(connected: Settings, shop: Shop) -> None:
    home, found = connected.home, load_sources()
    ours = {name for name, one in found.items() if one.folder.is_relative_to(home)}
    assert {found[name].type.name for name in ours} == set(PARTS)
    for _ in range(WANTED):
        shop.tick()
    loop = SourceLoop(connected, {name: found[name] for name in ours})
    read: dict[str, int] = dict.fromkeys(ours, 0)
    for told in loop.steps(1.0):
        if told is not None:
            assert told.outcome.error is None, told.outcome.error
            assert told.outcome.dead_letters == 0, told.outcome.reasons
            read[told.source] += told.outcome.records
        if all(read.values()):
            loop.stop()
    assert min(read.values()) > 0


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(WeirError, match="no kind 'rets'"):
        kinds_of("sql,rets")
    assert kinds_of("sql, rest") == ["sql", "rest"]
    assert os.environ.get("WEIR_OUTSIDE") is None
