"""Source components: where files are, when there is something new, what feeds which topic."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dagster import AssetKey, SensorDefinition, SkipReason, build_sensor_context

from platform_assets.connectors.simulate import DEFAULT_TOPICS
from platform_assets.connectors.source_folder import load_file_sources
from platform_assets.contracts.load import load_contracts
from platform_assets.graph.components import (
    SETTLED_SECONDS,
    FileSource,
    SourcePathError,
    listing,
)
from platform_assets.graph.lineage import load_sources, sources_of
from platform_assets.graph.specs import topic_spec
from platform_assets.sources import definition_files

VARIABLE = "WEIR_ONLINE_RETAIL_PATH"


def source() -> FileSource:
    return FileSource(
        source="online_retail",
        topics=["retail.invoice_lines"],
        columns=["InvoiceNo"],
        files="online_retail/*.csv",
        mapping="mapping.jsonata",
        path_variable=VARIABLE,
        owner="retail@weir.example",
    )


def sensor_of(name: str) -> SensorDefinition:
    (look,) = [one for one in load_sources().sensors or () if one.name == f"new_files_of_{name}"]
    return look


def old_file(folder: Path, name: str, text: str = "x") -> Path:
    file = folder / name
    file.write_text(text)
    age = file.stat().st_mtime - 10 * SETTLED_SECONDS
    os.utime(file, (age, age))
    return file


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SourcePathError, match="online_retail: no folder") as caught:
        source().folder()
    assert VARIABLE in caught.value.hint
    monkeypatch.setenv(VARIABLE, "/no/such/folder")
    with pytest.raises(SourcePathError, match="/no/such/folder does not exist"):
        source().folder()


def test_listing_changes_with_names_and_content_and_waits_for_young_files(tmp_path: Path) -> None:
    assert listing(tmp_path) == ""
    young = tmp_path / "young.csv"
    young.write_text("x")
    assert listing(tmp_path) == ""
    (tmp_path / "notes.txt").write_text("x")
    later = young.stat().st_mtime + 2 * SETTLED_SECONDS
    one = listing(tmp_path, later)
    assert one
    assert listing(tmp_path, later) == one
    old_file(tmp_path, "b.csv")
    assert listing(tmp_path, later) != one


def test_the_sensor_asks_once_a_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    look = sensor_of("online_retail")
    assert look.name == "new_files_of_online_retail"
    assert isinstance(look(build_sensor_context()), SkipReason)
    old_file(tmp_path, "a.csv")
    asked = look(build_sensor_context())
    assert len(asked.run_requests) == 1
    assert isinstance(look(build_sensor_context(cursor=asked.cursor)), SkipReason)
    old_file(tmp_path, "b.csv")
    assert look(build_sensor_context(cursor=asked.cursor)).cursor != asked.cursor


def test_the_sensor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    look = sensor_of("online_retail")
    skipped = look(build_sensor_context())
    assert isinstance(skipped, SkipReason)
    assert VARIABLE in (skipped.skip_message or "")


def test_defs_yaml_and_connectors_name_the_same_topics() -> None:
    for name, kind in load_file_sources().items():
        assert AssetKey(["source", name]) in sources_of(str(kind.topic))
    for topic in DEFAULT_TOPICS:
        assert AssetKey(["source", "simulator"]) in sources_of(topic)


def test_lineage_begins_at_the_source() -> None:
    contract = next(c for t, c in load_contracts().items() if str(t) == "retail.invoice_lines")
    assert [dep.asset_key for dep in topic_spec(contract).deps] == [
        AssetKey(["source", "online_retail"]),
        AssetKey(["source", "simulator"]),
    ]


def test_jobs_and_assets_of_the_instances() -> None:
    found = load_sources()
    assert {job.name for job in found.jobs or ()} == {
        *(f"ingest_{name}" for name in load_file_sources()),
        "send_simulator_history",
    }
    keys = {key.to_user_string() for asset in found.assets or () for key in asset.keys}
    assert keys == {f"source/{path.parent.name}" for path in definition_files()}
    assert {"source/online_retail", "source/simulator"} <= keys
