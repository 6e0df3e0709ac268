"""Retention of what models leave behind: what is old goes, what is young stays, a dry run asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from deltalake import DeltaTable

from ml.assets.upkeep import KEY, ModelUpkeepConfig, model_upkeep
from ml.drift import pages
from ml.features import table
from ml.rollout.deployment import Deployments
from ml.serving.ids import first_id
from ml.serving.log import Prediction, PredictionLog
from platform_assets.core.databases import connect
from platform_assets.core.settings import Settings

NOW = datetime.now(UTC)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The session's PostgreSQL, with pages and features of this test's own."""
    roots = {"models_root": str(tmp_path / "models"), "lake_root": str(tmp_path / "lake")}
    own = settings.model_copy(update=roots)
    monkeypatch.setattr("platform_assets.core.settings.get_settings", lambda: own)
    return own


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    found = PredictionLog(settings)
    yield found
    found.close()


def prediction(model: str, at: datetime) -> Prediction:
    return Prediction(
        id=str(first_id(at)), model=model, version=1, arm="champion", trial="", key="k", at=at,
        seconds=0.001, failed=False, score=0.5, label=1, shadow=False,
    )  # fmt: skip


def upkeep(**config: bool | int) -> dict[str, object]:
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [model_upkeep],
            instance=instance,
            run_config=dg.RunConfig({KEY.to_python_identifier(): ModelUpkeepConfig(**config)}),
        )
        (event,) = done.get_asset_materialization_events()
        return {name: value.value for name, value in event.materialization.metadata.items()}


def test_what_is_older_than_its_policy_goes_and_a_dry_run_only_counts(
    settings: Settings, log: PredictionLog
) -> None:
    model = f"m{uuid.uuid4().hex[:8]}"
    upkeep()  # what other tests left
    young = log.older(NOW)
    log.add([prediction(model, NOW - timedelta(days=age)) for age in (400, 300, 10)])
    for age in (200, 5):
        day = (NOW - timedelta(days=age)).date()
        pages.write(settings, model, day, {"retrain": False}, data="<p>page")
    rows = pl.DataFrame(schema=table.schema())
    for user in (1, 2):
        one = rows.clear(1).with_columns(
            user_id=pl.lit(user, pl.Int64),
            feature_date=pl.lit(date(2026, 5, 1)),
        )
        table.write_days(settings, [date(2026, 5, 1)], one)
    files = set(DeltaTable(table.uri(settings)).file_uris())

    told = upkeep(dry_run=True)
    assert (told["predictions"], told["pages"], told["dry_run"]) == (2, 2, True)
    done = upkeep()
    assert (done["predictions"], done["pages"], done["feature_files"]) == (2, 2, 0)
    assert upkeep()["predictions"] == 0
    assert log.older(NOW) == young + 1
    left = sorted(path.name[:10] for path in pages.folder(settings, model).iterdir())
    assert set(left) == {(NOW - timedelta(days=5)).date().isoformat()}
    assert set(DeltaTable(table.uri(settings)).file_uris()) == files


def test_what_a_running_trial_is_replayed_from_stays_until_it_ends(
    settings: Settings, log: PredictionLog, tmp_path: Path
) -> None:
    model = f"m{uuid.uuid4().hex[:8]}"
    deployments = Deployments(settings, lambda _, version: tmp_path / str(version))
    deployments.start(model, 1, reason="first", actor="test")
    deployments.try_challenger(model, 2, reason="trained", actor="test")
    with connect(settings, "models") as connection:
        connection.execute(
            "UPDATE deployments SET changed_at = %s WHERE model = %s",
            (NOW - timedelta(days=300), model),
        )
    upkeep()
    log.add([prediction(model, NOW - timedelta(days=age)) for age in (310, 290, 200)])
    assert upkeep()["predictions"] == 1
    deployments.end_trial(model, reason="over", actor="test")
    deployments.close()
    assert upkeep()["predictions"] == 2
