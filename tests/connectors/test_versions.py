"""Versions of one connector side by side: which is chosen, and who reads whose cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from platform_assets.cli.app import build
from platform_assets.connectors.operate.draft import draft_definition
from platform_assets.connectors.operate.health import of_source
from platform_assets.connectors.operate.reset import reset
from platform_assets.connectors.seam import cursors, types
from platform_assets.connectors.seam.cursors import Place
from platform_assets.connectors.seam.definition import load_sources
from platform_assets.connectors.seam.pull import StreamOutcome, pull
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page
from platform_assets.connectors.seam.state import StreamState
from platform_assets.connectors.seam.transaction import SourceLog
from platform_assets.connectors.seam.types import (
    ConnectorType,
    Kind,
    Maturity,
    NoOptions,
    connector_type,
    connector_types,
    connector_versions,
)
from platform_assets.core.settings import Settings
from tests.connectors.scene import Scene, new_source


class Tides:
    """Three rows a read; each version keeps its place in its own way."""

    def __init__(self, field: str) -> None:
        self._field = field

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        begin = cursor[self._field] if cursor else 0
        yield Page(pa.table({"id": list(range(begin, begin + 3))}), {self._field: begin + 3})

    def close(self) -> None: ...


def version(number: str, field: str, **more: Any) -> ConnectorType:
    def opened(config: NoOptions, context: Context) -> Any:
        return Tides(field)

    return ConnectorType(
        "tides", "Tides", Kind.DEVICE, Maturity.CONFIGURED, NoOptions, opened,
        version=number, **more,
    )  # fmt: skip


ONE = version("1", "row", deprecated="use version 2, it is read by moments")
TWO = version("2", "at")
TEN = version("10", "at", reads=("2",))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ConnectorType]]:
    """What packages bring by entry point, to be changed by a test."""
    brought = [ONE, TEN, TWO]

    class Entry(EntryPoint):
        def load(self) -> ConnectorType:
            return brought[int(self.value)]

    monkeypatch.setattr(
        types, "entry_points",
        lambda group: [Entry(f"tides{n}", str(n), group) for n in range(len(brought))],
    )  # fmt: skip
    connector_versions.cache_clear()
    yield brought
    monkeypatch.undo()
    connector_versions.cache_clear()


@pytest.mark.usefixtures("installed")
def test_the_newest_is_the_default_and_each_can_be_pinned() -> None:
    assert [one.version for one in connector_versions()["tides"]] == ["10", "2", "1"]
    assert connector_types()["tides"] is TEN
    assert connector_type("tides") is TEN
    assert connector_type("tides", "2") is connector_type("tides@2") is TWO
    with pytest.raises(ConnectorError, match=r"version '3' is asked for, 10, 2, 1 is here"):
        connector_type("tides@3")
    with pytest.raises(ConnectorError, match="version '1' beside it"):
        connector_type("tides@2", "1")
    assert "version: '2'" in draft_definition(TWO, "coast", "team:sea")
    assert "version" not in draft_definition(TEN, "coast", "team:sea")


def test_the_same_version_twice_and_no_version_are_refused(installed: list[ConnectorType]) -> None:
    installed.append(replace(TWO))
    with pytest.raises(ConnectorError, match="tides@2 is there twice"):
        connector_versions()
    installed[-1] = version("2b", "at")
    with pytest.raises(ConnectorError, match="version '2b' is none"):
        connector_versions()


@pytest.mark.usefixtures("installed")
def test_people_see_all_versions_and_which_is_deprecated() -> None:
    rows = [line for line in weir("connectors", "--csv").splitlines() if line.startswith("tides,")]
    assert len(rows) == 3
    assert sum("use version 2" in row for row in rows) == 1
    assert "deprecated: use version 2" in weir("connectors", "show", "tides@1")


def weir(*arguments: str) -> str:
    result = CliRunner().invoke(build(), list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def pinned(scene: Scene, folder: Path, number: int | str | None) -> None:
    """Have the source's ``defs.yaml`` ask for a version."""
    path = folder / scene.name / "defs.yaml"
    document = yaml.safe_load(path.read_text())
    document["attributes"].pop("version", None)
    if number is not None:
        document["attributes"]["version"] = number
    path.write_text(yaml.safe_dump(document))


def read(scene: Scene) -> StreamOutcome:
    (outcome,) = pull(scene.settings, scene.source)
    return outcome


@pytest.mark.usefixtures("installed")
def test_two_versions_run_at_once_and_none_misreads_a_cursor(
    stack: Settings, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"config": {}, "options": {}, "fields": {"id": "integer"}}
    with (
        new_source(stack, tmp_path, "tides", **given) as old,
        new_source(stack, tmp_path, "tides", **given) as new,
    ):
        pinned(old, tmp_path, 1)
        assert (read(old).records, read(new).records) == (3, 3)
        state = StreamState(old.name, "rows", str(old.topic), read_at=datetime.now(UTC))
        (health,) = of_source(old.source, {(old.name, "rows"): state}, None)
        assert "tides@1 is deprecated: use version 2" in health.why
        known = cursors.read(stack)
        assert (known[old.name, "rows"], known[new.name, "rows"]) == ({"row": 3}, {"at": 3})

        pinned(old, tmp_path, None)
        outcome = read(old)
        assert outcome.records == 0
        assert "was written by the connector tides@1, which tides@10 cannot read" in str(
            outcome.error
        )
        assert f"weir sources reset {old.name} rows" in str(outcome.error)
        pinned(old, tmp_path, "1")
        assert read(old).records == 3
        pinned(old, tmp_path, None)
        reset(stack, old.source, "rows", None)
        assert (read(old).records, read(old).error) == (3, None)

        # A version that says so reads what an older one wrote; the older one does not.
        pinned(new, tmp_path, 2)
        assert "written by the connector tides@10" in str(read(new).error)
        reset(stack, new.source, "rows", {"at": 7})
        pinned(new, tmp_path, None)
        assert [read(new).error, new.rows()[-1]["id"]] == [None, 9]
        assert load_sources()[new.name].type is TEN


@pytest.mark.usefixtures("installed")
def test_a_cursor_without_a_writer_is_of_version_1(stack: Settings, tmp_path: Path) -> None:
    given: dict[str, Any] = {"config": {}, "options": {}, "fields": {"id": "integer"}}
    with new_source(stack, tmp_path, "tides", **given) as scene:
        with SourceLog(stack, scene.name) as log:
            log.commit([], [Place(scene.name, "rows", {"row": 4})])
        assert "written by the connector tides@1" in str(read(scene).error)
        pinned(scene, tmp_path, 1)
        assert read(scene).error is None
        assert scene.rows()[0] == {"id": 4}
