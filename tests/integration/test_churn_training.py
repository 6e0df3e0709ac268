"""The churn model from silver to serving and a day of drift: its folder is all that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from deltalake import write_deltalake

from ml.assets import build_definitions_of
from ml.assets.features import build_features_definitions
from ml.features import daily
from ml.models.churn.spec import SPEC
from ml.rollout.deployment import Deployments
from ml.store.artefact import artefact_key, open_artefact
from ml.store.registry import Registry
from platform_assets.core.settings import Settings, get_settings
from sensors.graph import sensors_of
from tests.integration.trial_scene import forget

FIRST, DAYS, LABELLED = date(2026, 3, 1), 40, 20
DEFINITIONS = dg.Definitions.merge(
    build_features_definitions(),
    build_definitions_of(SPEC),
    dg.Definitions(sensors=sensors_of(SPEC)),
)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@pytest.fixture(scope="module")
def lake(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A lake of visitors: half come each other day, half each third week."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIR_LAKE_ROOT", str(tmp_path_factory.mktemp("lake")))
        get_settings.cache_clear()
        forget(settings, SPEC.name)
        write_visits(get_settings())
        yield get_settings()
    get_settings.cache_clear()


def write_visits(lake: Settings) -> None:
    rng = np.random.default_rng(5)
    users, hours = 240, 24 * DAYS
    rate = np.where(np.arange(users) % 2 == 0, 1 / 48, 1 / (24 * 21))
    user, hour = np.nonzero(rng.random((users, hours)) < rate[:, None])
    start = int(datetime.combine(FIRST, time(), UTC).timestamp()) * 1_000_000
    frame = pl.DataFrame(
        {
            "user_id": user.astype(np.int64) + 1,
            "event_type": ["view"] * len(user),
            "price": [0.0] * len(user),
            "timestamp": pl.Series(start + hour * 3_600_000_000).cast(pl.Datetime("us", "UTC")),
        }
    ).with_columns(pl.col("timestamp").dt.date().alias("event_date"))
    write_deltalake(
        f"{lake.lake_root}/{daily.CLICKS.silver.path}", frame.to_arrow(),
        partition_by=["event_date"],
    )  # fmt: skip
    # The labelled days, the day that is judged, and the day whose labels become known on it.
    end = DAYS - SPEC.label.horizon.days
    daily.write(lake, [*(day(n) for n in range(end - LABELLED, end)), day(DAYS - 1)])


def run(instance: dg.DagsterInstance, name: str, **options: Any) -> dict[str, dict[str, Any]]:
    result = DEFINITIONS.resolve_job_def(name).execute_in_process(instance=instance, **options)
    assert result.success
    return {
        event.materialization.asset_key.path[-1]: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in (
            e.step_materialization_data for e in result.get_asset_materialization_events()
        )
    }


def test_it_is_trained_serves_and_its_days_are_judged(lake: Settings) -> None:
    until = datetime.combine(day(DAYS), time(), UTC).isoformat()
    config = {"ops": {"models__churn__dataset": {"config": {"until": until, "days": LABELLED}}}}
    with dg.instance_for_test() as instance:
        made = run(instance, SPEC.training_job, run_config=config)
        version = Registry(lake).get(SPEC.name, made["version"]["version"])
        assert version.aliases == ("champion",)
        assert version.metrics["auc"] > 0.8, "who comes seldom stays away"
        assert SPEC.title in version.card
        assert SPEC.limits[0] in version.card
        told = open_artefact(version.artefact, artefact_key(lake)).metadata
        assert (told["metric"], told["horizon_hours"]) == ("f1", 336)
        assert told["label_delay_seconds"] == SPEC.label.horizon.total_seconds()
        assert made["deployment"]["champion"] == version.number

        judged = run(instance, SPEC.drift_job, partition_key=day(DAYS - 1).isoformat())["drift"]
        assert judged["version"] == version.number
        assert judged["labels"] > 50
        assert judged["f1"] > 0.5
        assert f"/models/{SPEC.name}/drift/{day(DAYS - 1)}" in judged["portal"]

        assert run(instance, SPEC.judging_job) == {}, "nothing is on trial"

        repository = DEFINITIONS.get_repository_def()
        for sensor in sensors_of(SPEC):
            context = dg.build_sensor_context(instance=instance, repository_def=repository)
            tick = repository.get_sensor_def(sensor.name).evaluate_tick(context)
            assert not tick.run_requests
            assert tick.skip_message
    deployments = Deployments(lake)
    current = deployments.current(SPEC.name)
    deployments.close()
    assert current is not None
    assert current.champion == version.number
