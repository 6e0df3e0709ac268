"""The sensors over trials, tick by tick: on the real log, the real registry and real jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from ml.assets.keys import part_key
from ml.assets.serving import build_serving_definitions
from ml.models.purchase.spec import SPEC
from ml.store.registry import DatasetRef, Registry
from ml.store.tracking import open_client
from platform_assets.core.databases import connect
from platform_assets.core.settings import Settings
from platform_assets.messaging import NotifyError, Severity
from sensors.promotion import build_promotion_sensor, worth_a_look
from sensors.rollback import build_rollback_sensor
from tests.integration.trial_scene import Scene, forget, sealed
from tests.kept import Kept
from tests.traffic import ArmIs

MODEL = SPEC.name
TRIAL_KEY, SERVED_KEY = part_key(MODEL, "trial"), part_key(MODEL, "served")


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    """The purchase model, on trial for an hour."""
    forget(settings, MODEL)
    for number in (1, 2):
        sealed(settings, tmp_path / MODEL / str(number))
    made = Scene(settings, tmp_path, MODEL)
    backdate(settings, made)
    yield made
    made.close()
    forget(settings, MODEL)


def backdate(settings: Settings, scene: Scene) -> None:
    """As if all had happened an hour earlier: the sensors look at the real clock."""
    with connect(settings, "models") as connection:
        connection.execute(
            "UPDATE deployments SET changed_at = changed_at - interval '1 hour' WHERE model = %s",
            (MODEL,),
        )
    scene.began = scene.now.changed_at


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorExecutionData:  # type: ignore[name-defined]
    return sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))


def guard(settings: Settings, kept: Kept) -> dg.SensorDefinition:
    return build_rollback_sensor(SPEC, lambda _: kept, lambda: settings)


def test_a_broken_challenger_is_out_within_one_tick_and_told_once(
    scene: Scene, settings: Settings
) -> None:
    scene.traffic(ArmIs(failures=1.0), seconds=30)
    kept = Kept()
    sensor = guard(settings, kept)
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(sensor, instance).skip_message == "rolled back purchase/2@2"
        assert (scene.now.champion, scene.now.challenger) == (1, None)
        event = instance.get_latest_materialization_event(TRIAL_KEY)
        assert event is not None
        assert event.asset_materialization is not None
        told = event.asset_materialization.metadata
        assert told["trial/verdict"].value == "roll back"
        assert "errors" in str(told["trial/evidence"].value)
        assert tick(sensor, instance).skip_message == "0 case(s) watched, 0 verdict(s) reported"
    [note] = kept.got
    assert note.title == "purchase: version 2 was rolled back; 1 serves"
    assert note.severity is Severity.ERROR
    assert "the error rate is higher" in note.body
    assert "Evidence on errors" in note.body
    assert "Next: nothing tries version 2 again" in note.body


def test_a_broken_champion_is_out_too(scene: Scene, settings: Settings) -> None:
    scene.serve(1, ArmIs(), scene.began - timedelta(hours=1), seconds=300)
    scene.deployments.promote(MODEL, reason="by hand", actor="test")
    backdate(settings, scene)
    scene.serve(2, ArmIs(failures=0.6), scene.now.changed_at, seconds=120)
    with dg.DagsterInstance.ephemeral() as instance:
        found = tick(guard(settings, Kept()), instance)
    assert found.skip_message == "rolled back purchase/2@3"
    assert scene.now.champion == 1
    assert "error rate is above" in scene.now.reason


def test_a_sound_challenger_is_left_alone(scene: Scene, settings: Settings) -> None:
    scene.traffic(ArmIs(), seconds=120)
    kept = Kept()
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = guard(settings, kept)
        for _ in range(3):
            assert tick(sensor, instance).skip_message == "1 case(s) watched, 0 verdict(s) reported"
    assert scene.now.challenger == 2
    assert not kept.got


def test_what_could_not_be_told_is_told_at_the_next_tick(scene: Scene, settings: Settings) -> None:
    scene.traffic(ArmIs(failures=1.0), seconds=30)
    kept = Kept()
    kept.refusing = True
    sensor = guard(settings, kept)
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(NotifyError, match="closed"):
            tick(sensor, instance)
        assert scene.now.challenger is None, "the roll-back does not wait for the message"
        kept.refusing = False
        tick(sensor, instance)
    assert [note.key for note in kept.got] == ["verdict-trial-purchase/2@2"]


def test_a_verdict_left_half_done_is_applied_by_the_next_tick(
    scene: Scene, settings: Settings
) -> None:
    scene.traffic(ArmIs(failures=1.0), seconds=30)
    [case] = scene.judge.running(MODEL)
    found = scene.judge.look(case)
    scene.judge.cases.decide(case, found.verdict, found.reason, found.evidence, "died")
    kept = Kept()
    with dg.DagsterInstance.ephemeral() as instance:
        tick(guard(settings, kept), instance)
        assert instance.get_latest_materialization_event(TRIAL_KEY) is not None
        [request] = (
            tick(build_promotion_sensor(SPEC, lambda: settings), instance).run_requests or []
        )
    assert (request.run_key or "").startswith("finish trial purchase/2@2")
    assert scene.now.challenger is None
    assert len(kept.got) == 1


def test_labels_ask_for_a_verdict_once(scene: Scene, settings: Settings) -> None:
    sensor = build_promotion_sensor(SPEC, lambda: settings)
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(sensor, instance)
        assert not first.run_requests
        scene.traffic(ArmIs(), seconds=60)
        second = tick(sensor, instance)
        [request] = second.run_requests or []
        assert request.run_key.startswith("trial purchase/2@2 ")
        assert not tick(sensor, instance, second.cursor).run_requests
    assert json.loads(second.cursor or "")["trial purchase/2@2"] > 400


def test_nothing_is_asked_without_a_trial(settings: Settings) -> None:
    forget(settings, MODEL)
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(build_promotion_sensor(SPEC, lambda: settings), instance).skip_message == (
            "nothing is on trial"
        )
        assert tick(guard(settings, Kept()), instance).skip_message == (
            "0 case(s) watched, 0 verdict(s) reported"
        )


def test_the_job_promotes_and_the_aliases_follow(
    settings: Settings, scene: Scene, tmp_path: Path
) -> None:
    registry = Registry(settings)
    if MODEL in registry.models():
        # Other tests of the session train it; here versions begin with 1.
        open_client(settings).delete_registered_model(MODEL)
    data = DatasetRef("silver.commerce.clickstream", 1, 10, "f", "2026-03-01T00:00:00Z")
    for number in (1, 2):
        made = registry.register(
            MODEL, tmp_path / MODEL / str(number), params={}, metrics={"f1": 0.7}, dataset=data,
            code_version="test", card="# Card",
        )  # fmt: skip
        assert made.number == number
    registry.set_alias(MODEL, "champion", 1)
    registry.set_alias(MODEL, "challenger", 2)
    scene.traffic(ArmIs(right=0.95), seconds=900)
    kept = Kept()
    serving = build_serving_definitions(SPEC)
    with dg.DagsterInstance.ephemeral() as instance:
        job = serving.resolve_job_def("judge_purchase")
        assert tick(build_promotion_sensor(SPEC, lambda: settings), instance).run_requests
        done = job.execute_in_process(instance=instance)
        assert done.success
        [told] = done.asset_materializations_for_node("models__purchase__trial")
        assert told.metadata["trial/verdict"].value == "promote"
        assert "data:image/png" in str(told.metadata["trial/over time"].value)
        [state] = done.asset_materializations_for_node("models__purchase__served")
        assert state.metadata["champion"].value == 2
        assert registry.get(MODEL, "champion").number == 2
        assert registry.find(MODEL, "challenger") is None
        recorded = instance.get_latest_materialization_event(TRIAL_KEY)
        tick(guard(settings, kept), instance)
        assert instance.get_latest_materialization_event(TRIAL_KEY) == recorded, "once is enough"
        # Nothing new is to be said: the state is as it was.
        before = instance.get_latest_materialization_event(SERVED_KEY)
        assert job.execute_in_process(instance=instance).success
        assert instance.get_latest_materialization_event(SERVED_KEY) == before
    [note] = kept.got
    assert note.title == "purchase: version 2 is champion now, instead of 1"
    assert note.severity is Severity.INFO


def test_without_postgresql_the_ticks_are_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", "s3cret")
    away = Settings(postgres_port=9)
    with dg.DagsterInstance.ephemeral() as instance:
        for sensor in (build_promotion_sensor(SPEC, lambda: away), guard(away, Kept())):
            message = str(tick(sensor, instance).skip_message)
            assert "start it (weir up)" in message
            assert "s3cret" not in message


def test_a_trial_of_twenty_thousand_labels_takes_some_two_hundred_runs() -> None:
    judged = runs = 0
    for labels in range(20_001):
        if worth_a_look(labels, judged):
            judged, runs = labels, runs + 1
    assert 150 < runs < 250
