"""Live sources: each stream is read by a thread of its own, none waits for another."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from platform_assets.connectors.operate import preview as preview_module
from platform_assets.connectors.operate.preview import preview
from platform_assets.connectors.seam import definition
from platform_assets.connectors.seam.definition import SourceDefinition, load_sources
from platform_assets.connectors.seam.pull import pull
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page
from platform_assets.connectors.seam.run import SourceLoop
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity, NoOptions
from platform_assets.core.settings import Settings
from tests.connectors.scene import new_source

BOTH = threading.Barrier(2)


class _Endless:
    """Gives a row once both streams are being read, and then waits to be stopped."""

    def __init__(self, _: NoOptions, context: Context) -> None:
        self._stop = context.stop

    def read(self, stream: str, _: Cursor | None) -> Iterator[Page]:
        BOTH.wait(30)
        yield Page(pa.table({"id": [len(stream)]}), None)
        self._stop.wait()

    def close(self) -> None: ...


@pytest.fixture
def source(
    stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SourceDefinition]:
    made: Any = _Endless
    kind = ConnectorType("endless", "", Kind.STREAM, Maturity.REAL, NoOptions, made, live=True)
    monkeypatch.setattr(definition, "connector_type", lambda *_: kind)
    with new_source(
        stack, tmp_path, "endless", config={}, options={}, fields={"id": "integer"}, stream="a"
    ) as scene:
        path = tmp_path / scene.name / "defs.yaml"
        text = path.read_text()
        first = text[text.index("  - stream: a") :]
        path.write_text(text + first.replace("stream: a", "stream: bb"))
        yield load_sources()[scene.name]


def test_both_streams_are_read_at_once(stack: Settings, source: SourceDefinition) -> None:
    gc.unfreeze()
    loop = SourceLoop(stack, {source.name: source})
    told: dict[str, int] = {}
    for one in loop.steps(1.0):
        if one is not None:
            assert one.outcome.error is None
            told[one.outcome.stream] = told.get(one.outcome.stream, 0) + one.outcome.records
        if len(told) == 2:
            loop.stop()
    assert told == {"a": 1, "bb": 1}
    assert gc.get_freeze_count() > 0, "a full collection holds back senders"
    gc.unfreeze()


def test_one_read_has_one_live_stream(stack: Settings, source: SourceDefinition) -> None:
    with pytest.raises(ConnectorError, match="2 streams of a live source in one read"):
        pull(stack, source)


class _Quiet(_Endless):
    """Gives nothing until it is stopped."""

    def read(self, stream: str, _: Cursor | None) -> Iterator[Page]:
        assert self._stop.wait(30), "nobody stopped it"
        yield from ()


def test_a_preview_of_a_source_that_gives_nothing_ends(
    stack: Settings, source: SourceDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_module, "PREVIEW_SECONDS", 0.2)
    quiet: Any = _Quiet
    silent = replace(source, type=replace(source.type, open=quiet))
    assert list(preview(stack, silent, "a")) == []
