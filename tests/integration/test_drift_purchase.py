"""From a shift of simulated visitors to a training asked for, with the trained model itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from deltalake import write_deltalake

from ml.assets.drift import build_drift_definitions
from ml.assets.features import USER_FEATURES_KEY, build_features_definitions
from ml.assets.keys import part_key
from ml.assets.training import build_training_definitions
from ml.drift import pages
from ml.drift.inputs import answers_of, champion_of, rows_of
from ml.drift.log import DriftLog
from ml.features import daily
from ml.models.purchase.spec import SPEC
from platform_assets.connectors.simulate import Shift
from platform_assets.connectors.simulate.clickstream import Clickstream
from platform_assets.core.databases import connect
from platform_assets.core.settings import Settings, get_settings
from sensors.drift import build_drift_sensor
from tests.integration.trial_scene import forget

MODEL, JOB = SPEC.name, SPEC.training_job
DRIFT = part_key(MODEL, "drift")
FIRST = date(2026, 3, 1)
DAYS, TRAINED, SHIFTED = 48, 42, 44
DEFINITIONS = dg.Definitions.merge(
    build_features_definitions(), build_training_definitions(SPEC), build_drift_definitions(SPEC),
    dg.Definitions(sensors=[build_drift_sensor(SPEC)]),
)  # fmt: skip


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@pytest.fixture(scope="module")
def lake(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A lake with visits that change on a day, features of the last days, nobody who serves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIR_LAKE_ROOT", str(tmp_path_factory.mktemp("lake")))
        get_settings.cache_clear()
        forget(settings, MODEL)
        log = DriftLog(settings)
        log.since(0)  # makes the table where it is missing
        log.close()
        with connect(settings, "models") as connection:
            connection.execute("DELETE FROM drift_decisions WHERE model = %s", (MODEL,))
        own = get_settings()
        write_visits(own)
        yield own
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def instance(lake: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster, after the first training."""
    with dg.instance_for_test() as found:
        train(found, TRAINED)
        yield found


def write_visits(settings: Settings) -> None:
    shift = Shift(datetime.combine(day(SHIFTED), time(), UTC), conversion=4, activity=3, price=2)
    start, end = (
        int(datetime.combine(day(n), time(), UTC).timestamp()) * 1_000_000 for n in (0, DAYS)
    )
    drawn = Clickstream(shift).draw(np.random.default_rng(3), 150_000, start, end)
    after = {name: drawn.after[name] for name in ("user_id", "event_type", "price")}
    frame = pl.DataFrame(
        {**after, "timestamp": pl.Series(drawn.times).cast(pl.Datetime("us", "UTC"))}
    ).with_columns(pl.col("timestamp").dt.date().alias("event_date"))
    path = f"{settings.lake_root}/{daily.CLICKS.silver.path}"
    write_deltalake(path, frame.to_arrow(), partition_by=["event_date"])
    daily.write(settings, [day(n) for n in range(TRAINED - 9, DAYS)])


def job(instance: dg.DagsterInstance, name: str, **options: Any) -> dg.ExecuteInProcessResult:
    result = DEFINITIONS.resolve_job_def(name).execute_in_process(instance=instance, **options)
    assert result.success
    return result


def metadata(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def train(instance: dg.DagsterInstance, until: int) -> None:
    moment = datetime.combine(day(until), time(), UTC).isoformat()
    config = {"ops": {"models__purchase__dataset": {"config": {"until": moment, "days": 8}}}}
    job(instance, JOB, run_config=config)


def test_without_a_version_in_service_or_features_a_day_says_so(
    lake: Settings, instance: dg.DagsterInstance
) -> None:
    job(instance, "watch_purchase", partition_key=day(5).isoformat())
    assert USER_FEATURES_KEY.to_user_string() in metadata(instance, DRIFT)["skipped"]
    nobody = dg.Definitions.merge(
        build_features_definitions(), build_drift_definitions(SPEC, lambda _settings: None)
    )
    done = nobody.resolve_job_def("watch_purchase").execute_in_process(
        instance=instance, partition_key=day(TRAINED).isoformat()
    )
    assert "no version is in service" in metadata(instance, DRIFT)["skipped"]
    assert all(check.passed for check in done.get_asset_check_evaluations())


def test_answers_are_of_the_day_and_labels_of_rows_before(
    lake: Settings, instance: dg.DagsterInstance
) -> None:
    champion = champion_of(lake, MODEL)
    assert champion is not None
    assert champion.trained_until.date() == day(TRAINED)
    rows = rows_of(lake, day(TRAINED))
    answers = answers_of(lake, SPEC.label, champion, day(TRAINED), rows)
    assert len(answers.scores) == rows.height
    assert len(answers.reference) > 0
    before = rows_of(lake, day(TRAINED - 1))
    assert answers.labelled.height == before.height
    # By hand: who bought on that day.
    silver = daily.read_events(daily.open_silver(lake), day(TRAINED), day(TRAINED))
    buyers = set(silver.filter(event_type="purchase")["user_id"])
    assert answers.labelled["actual"].sum() == sum(user in buyers for user in before["user_id"])
    assert answers.labelled["label"].sum() > 0


def test_a_shift_is_seen_and_a_training_asked_for_with_its_reason(
    lake: Settings, instance: dg.DagsterInstance
) -> None:
    said = {}
    for number in range(TRAINED, DAYS):
        result = job(instance, "watch_purchase", partition_key=day(number).isoformat())
        said[number] = metadata(instance, DRIFT)
    assert not any(said[number]["retrain"] for number in range(TRAINED, SHIFTED))
    asked = [number for number in said if said[number]["retrain"]]
    assert asked
    assert min(asked) <= SHIFTED + 3

    # The pages, and what the materialisation shows.
    last = said[DAYS - 1]
    assert Path(last["page"]).is_file()
    assert "| events_24h |" in last["moves"]
    assert f"/models/purchase/drift/{day(DAYS - 1)}" in last["portal"]
    assert last["labels"] > 500
    assert (pages.folder(lake, MODEL) / f"{day(DAYS - 1)}-labels.html").is_file()

    # The checks: warnings with reasons.
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert not checks["model_health_drift"].passed
    assert checks["model_health_drift"].severity is dg.AssetCheckSeverity.WARN
    assert "moved for" in checks["model_health_drift"].metadata["reason"].value
    assert not checks["model_health_age"].passed, "the data are of last spring"
    assert not checks["model_health_gaps"].passed

    # The sensor: one request. What follows from it is shown by tests/e2e/test_models_loop.py.
    repository = DEFINITIONS.get_repository_def()
    sensor = repository.get_sensor_def("retrain_on_drift")
    context = dg.build_sensor_context(instance=instance, repository_def=repository)
    [request] = sensor.evaluate_tick(context).run_requests or []
    assert request.tags["weir/feature"]
    assert request.tags["weir/shift"].startswith(("+", "-"))
