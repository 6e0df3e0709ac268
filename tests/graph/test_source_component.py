"""A source's ``defs.yaml`` in Dagster: asset, job, check, freshness."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from dagster import AssetCheckKey, AssetCheckSeverity, AssetKey

from platform_assets import sources
from platform_assets.connectors.operate.health import Health, StreamHealth, of_source
from platform_assets.connectors.seam.definition import load_sources
from platform_assets.connectors.seam.state import Pause, StreamState
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.graph import lineage
from platform_assets.graph.checks.sources import healthy_result
from tests.connectors.scene import contract

TOPIC = TopicName("test", "till")
KEY = AssetKey(["source", "till"])
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFS = {
    "type": "platform_assets.graph.sources.Source",
    "attributes": {
        "source": "till",
        "connector": "sql",
        "owner": "team:tests",
        "every_seconds": 30,
        "closed": [{"hours": "02:00-03:00", "days": ["sun"]}],
        "config": {"url": "postgresql+psycopg://weir@db/till"},
        "streams": [
            {
                "stream": "receipts",
                "topic": str(TOPIC),
                "options": {"table": "receipts", "cursor": "at", "key": ["id"]},
                "identity": ["id"],
                "occurred_at": "at",
                "columns": {"id": {"column": "id"}},
            }
        ],
    },
}


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "sources" / "till"
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(yaml.safe_dump(DEFS))
    (folder / f"{TOPIC}.yaml").write_text(yaml.safe_dump(contract(TOPIC, {"id": "integer"})))
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder.parent)])
    load_contracts.cache_clear()
    lineage._upstream.cache_clear()
    yield folder
    monkeypatch.undo()
    load_contracts.cache_clear()
    lineage._upstream.cache_clear()


def test_the_folder_is_an_asset_with_a_check_and_a_freshness_policy(till: Path) -> None:
    assert [one.name for one in lineage.broken_sources() if one.name == "till"] == []
    defs = lineage.load_sources()
    node = defs.resolve_asset_graph().get(KEY)
    assert node.metadata["connector"] == "sql"
    assert node.freshness_policy is not None
    assert node.freshness_policy.warn_window.to_timedelta().total_seconds() == 1800
    assert AssetCheckKey(KEY, "healthy") in defs.resolve_asset_graph().asset_check_keys
    assert defs.resolve_job_def("read_till")


def health(till: Path, **state: object) -> list[StreamHealth]:
    known = {("till", "receipts"): StreamState("till", "receipts", str(TOPIC), **state)}
    return of_source(load_sources()["till"], known, None, NOW)


@pytest.mark.parametrize(
    ("state", "found", "passed", "severity"),
    [
        ({}, Health.NEW, True, None),
        ({"read_at": NOW, "records": 100, "dead_letters": 5}, Health.GOOD, True, None),
        (
            {"read_at": NOW, "records": 90, "dead_letters": 10},
            Health.DIRTY, False, AssetCheckSeverity.WARN,
        ),
        ({"failures": 1, "error": "away"}, Health.FAILING, False, AssetCheckSeverity.WARN),
        ({"failures": 3, "error": "away"}, Health.FAILING, False, AssetCheckSeverity.ERROR),
        ({"read_at": NOW.replace(hour=11)}, Health.LATE, False, AssetCheckSeverity.WARN),
    ],
)  # fmt: skip
def test_health_and_check_say_the_same(
    till: Path,
    state: dict[str, object],
    found: Health,
    passed: bool,
    severity: AssetCheckSeverity | None,
) -> None:
    (stream,) = health(till, **state)
    assert stream.health is found
    result = healthy_result([stream])
    assert result.passed is passed
    assert severity is None or result.severity is severity


def test_what_a_source_changed_is_told_and_is_no_illness(till: Path) -> None:
    (stream,) = health(till, read_at=NOW, changes=["column mail is not mapped: left out"])
    assert (stream.health, stream.why) == (Health.GOOD, "column mail is not mapped: left out")
    result = healthy_result([stream])
    assert result.passed
    assert "mail is not mapped" in str(result.description)
    assert result.metadata["schema_changes"].value == {
        "receipts": ["column mail is not mapped: left out"]
    }


def test_paused_and_closed_are_no_illness(till: Path) -> None:
    source = load_sources()["till"]
    known = {("till", "receipts"): StreamState("till", "receipts", "test.till", failures=5)}
    (stream,) = of_source(source, known, Pause("till", "it moves", "anna", NOW), NOW)
    assert stream.health is Health.PAUSED
    assert healthy_result([stream]).passed
    sunday = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
    (stream,) = of_source(source, known, None, sunday)
    assert (stream.health, "03:00 UTC" in stream.why) == (Health.CLOSED, True)
    assert healthy_result([stream]).passed
