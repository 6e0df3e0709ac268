"""The purchase model from silver to a trial, on a real PostgreSQL, MLflow and Delta lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from deltalake import write_deltalake

from ml.assets.features import build_features_definitions
from ml.assets.keys import part_key
from ml.assets.training import PARTS, build_training_definitions
from ml.canary.sequential import Verdict
from ml.features import daily
from ml.models.purchase.spec import SPEC
from ml.rollout.deployment import Deployment, Deployments
from ml.store.artefact import artefact_key, open_artefact
from ml.store.registry import Registry
from ml.training.dataset import Recipe, build
from ml.trials.judge import Finding, Judge
from platform_assets.core.settings import Settings, get_settings
from tests.integration.trial_scene import forget

MODEL, JOB = SPEC.name, SPEC.training_job
DATASET_KEY, VERSION_KEY, EVALUATION_KEY, DEPLOYMENT_KEY = (part_key(MODEL, part) for part in PARTS)
FIRST = date(2026, 3, 1)
DEFINITIONS = dg.Definitions.merge(build_features_definitions(), build_training_definitions(SPEC))


@pytest.fixture
def lake(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """PostgreSQL of the session, a lake of its own, and nobody who serves the model."""
    monkeypatch.setenv("WEIR_LAKE_ROOT", str(tmp_path))
    get_settings.cache_clear()
    forget(settings, MODEL)
    yield get_settings()
    get_settings.cache_clear()


def current(lake: Settings) -> Deployment | None:
    rows = history(lake)
    return rows[0] if rows else None


def history(lake: Settings) -> list[Deployment]:
    deployments = Deployments(lake)
    try:
        return deployments.history(MODEL)
    finally:
        deployments.close()


def add_days(lake: Settings, first: int, count: int) -> list[date]:
    """Clickstream of days: users differ in how often they come and how often they buy."""
    rng = np.random.default_rng(first)
    users = np.arange(1, 301)
    buys = np.where(users % 5 == 0, 0.5, 0.02)
    user = np.repeat(rng.choice(users, 120 * count), 3)
    bought = rng.random(len(user)) < buys[user - 1] / 2
    start = int(daily.midnight(FIRST + timedelta(days=first)).timestamp()) * 1_000_000
    times = start + rng.integers(0, count * 86_400_000_000, len(user))
    frame = pl.DataFrame(
        {
            "user_id": user,
            "event_type": np.where(bought, "purchase", "view"),
            "price": np.where(bought, 10.0, 0.0),
            "timestamp": pl.Series(times).cast(pl.Datetime("us", "UTC")),
        }
    ).with_columns(pl.col("timestamp").dt.date().alias("event_date"))
    path = f"{lake.lake_root}/{daily.CLICKS.silver.path}"
    write_deltalake(path, frame.to_arrow(), mode="append", partition_by=["event_date"])
    days = [FIRST + timedelta(days=first + n) for n in range(count)]
    daily.write(lake, days)
    return days


def train(instance: dg.DagsterInstance, **tags: str) -> tuple[dict[dg.AssetKey, Any], str]:
    """Run the job; metadata by asset, and the run."""
    result = DEFINITIONS.resolve_job_def(JOB).execute_in_process(
        instance=instance, tags={f"weir/{name}": value for name, value in tags.items()}
    )
    assert result.success
    found = {}
    for event in result.get_asset_materialization_events():
        materialisation = event.step_materialization_data.materialization
        found[materialisation.asset_key] = {
            name: value.value for name, value in materialisation.metadata.items()
        }
    return found, result.run_id


def test_the_first_version_serves_and_the_next_ones_challenge_it(lake: Settings) -> None:
    add_days(lake, 0, 10)
    registry, key = Registry(lake), artefact_key(lake)
    with dg.instance_for_test() as instance:
        made, run = train(instance)
        first = registry.get(MODEL, made[VERSION_KEY]["version"])
        # Links both ways, and all that made it.
        assert made[VERSION_KEY]["mlflow_run"] == first.run_id
        assert first.tags["weir/dagster_run"] == run
        assert first.dataset is not None
        assert first.dataset.fingerprint == made[DATASET_KEY]["fingerprint"]
        assert first.dataset.version == made[DATASET_KEY]["table_version"]
        assert first.dataset.rows == made[DATASET_KEY]["dagster/row_count"]
        assert first.code_version == made[VERSION_KEY]["code"]
        assert {"pr_auc", "f1", "brier", "ece", "threshold"} <= first.metrics.keys()
        assert first.params["seed"] == "0"
        assert "requested by hand" in first.card
        assert first.aliases == ("champion",)
        served = current(lake)
        assert served is not None
        assert (served.champion, served.challenger) == (first.number, None)

        again, _ = train(instance, reason="recency moved", feature="recency_hours")
        second = registry.get(MODEL, again[VERSION_KEY]["version"])
        assert second.tags["weir/reason"] == "recency moved"
        assert second.tags["weir/feature"] == "recency_hours"
        assert "recency moved" in second.card
        assert second.aliases == ("challenger",)
        trial = current(lake)
        assert trial is not None
        assert (trial.champion, trial.challenger) == (first.number, second.number)
        assert trial.share == 0.05
        # The same data and seed: the same model, bit for bit.
        models = [open_artefact(v.artefact, key).read("model.onnx") for v in (first, second)]
        assert models[0] == models[1]
        assert "too few to compare" in again[EVALUATION_KEY]["metrics"]

        add_days(lake, 10, 7)
        third, _ = train(instance)
        assert f"champion {first.number}" in third[EVALUATION_KEY]["metrics"]
        assert "new to both" in third[EVALUATION_KEY]["metrics"]
        assert third[DEPLOYMENT_KEY]["challenger"] == third[VERSION_KEY]["version"]
        assert third[DEPLOYMENT_KEY]["champion"] == first.number
        reasons = [row.reason for row in history(lake)]
        assert any("replaces" in reason for reason in reasons)

    # The recipe builds the same rows again, though the tables have moved on.
    recipe = open_artefact(first.artefact, key).metadata["recipe"]
    assert build(lake, SPEC, Recipe.from_json(recipe)).fingerprint == first.dataset.fingerprint


def offer_again(instance: dg.DagsterInstance) -> None:
    result = dg.materialize(
        [DEFINITIONS.get_assets_def(DEPLOYMENT_KEY)], instance=instance, selection=[DEPLOYMENT_KEY]
    )
    assert result.success


def test_a_version_offered_twice_changes_nothing(lake: Settings) -> None:
    add_days(lake, 0, 8)
    with dg.instance_for_test() as instance:
        train(instance)
        before = current(lake)
        offer_again(instance)
    assert current(lake) == before


def test_a_version_that_was_rolled_back_is_not_tried_again(lake: Settings) -> None:
    add_days(lake, 0, 8)
    with dg.instance_for_test() as instance:
        train(instance)
        train(instance)
        judge = Judge(lake)
        [case] = judge.running(MODEL)
        judge.settle(Finding(case, Verdict.ROLL_BACK, "harm", {}), "test")
        judge.close()
        before = current(lake)
        assert before is not None
        assert before.challenger is None
        offer_again(instance)
    assert current(lake) == before
