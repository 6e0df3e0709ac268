"""The sensor that asks for a training, tick by tick, on the real record and real runs."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from ml.drift.decide import Decision
from ml.drift.log import DriftLog, Entry
from ml.models.purchase.spec import SPEC
from platform_assets.core.settings import Settings
from sensors.drift import build_drift_sensor
from tests.kept import Kept

MODEL, TRAINING_JOB = SPEC.name, SPEC.training_job
FIRST = date(2026, 3, 1)
TRAINED = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dg.op
def train() -> None: ...


@dg.job(name=TRAINING_JOB)
def training() -> None:
    train()


@dg.job(name="other")
def other() -> None:
    train()


@pytest.fixture
def log(settings: Settings) -> Iterator[DriftLog]:
    found = DriftLog(settings)
    found.since(0)
    yield found
    found.close()


class World:
    """One instance of Dagster, the record, who serves, and the ticks of the sensor."""

    def __init__(self, settings: Settings, log: DriftLog, instance: dg.DagsterInstance) -> None:
        self.settings, self.log, self.instance = settings, log, instance
        # A place of its own for what was said.
        self.home = settings.home / f"drift-{uuid.uuid4().hex[:8]}"
        self.champion, self.trial = 1, None
        self.kept = Kept()
        self.requested: list[dg.RunRequest] = []
        with psycopg.connect(settings.postgres_dsn("models"), autocommit=True) as connection:
            connection.execute("DELETE FROM drift_decisions")
        self.cursor: str | None = None
        self.sensor = build_drift_sensor(
            SPEC,
            lambda _settings, _model: (self.champion, self.trial),
            lambda: self.settings.model_copy(update={"home": self.home}),
            lambda _: self.kept,
        )
        self.repository = dg.Definitions(
            jobs=[training, other], sensors=[self.sensor]
        ).get_repository_def()

    def judge(self, day: int, *, retrain: bool = True, version: int | None = None) -> None:
        decision = Decision(
            (FIRST + day * DAY).isoformat(), retrain, "moved: price" if retrain else "no feature",
            version=str(version or self.champion),
        )  # fmt: skip
        self.log.put(Entry(MODEL, version or self.champion, decision, TRAINED))

    def tick(self) -> str:
        """Evaluate once; what was asked for is launched as started. Returns the skip's reason."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository
        )
        data = self.sensor.evaluate_tick(context)
        self.cursor = data.cursor
        for request in data.run_requests or []:
            self.requested.append(request)
            self.run(dg.DagsterRunStatus.STARTED, dict(request.tags))
        return data.skip_message or ""

    def run(self, status: dg.DagsterRunStatus, tags: dict[str, str]) -> None:
        self.instance.create_run_for_job(training, tags=tags, status=status)

    def end(self, status: dg.DagsterRunStatus) -> None:
        """Every training that was under way ends."""
        for record in self.instance.get_run_records(dg.RunsFilter(job_name=TRAINING_JOB)):
            if record.dagster_run.status is dg.DagsterRunStatus.STARTED:
                tags = dict(record.dagster_run.tags)
                self.instance.delete_run(record.dagster_run.run_id)
                self.run(status, tags)


@pytest.fixture
def world(settings: Settings, log: DriftLog) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(settings, log, instance)


def test_a_reason_is_asked_for_once(world: World) -> None:
    assert world.tick() == "no new period"
    world.judge(4, retrain=False)
    assert "none of them a reason" in world.tick()
    world.judge(5)
    assert world.tick() == ""
    [request] = world.requested
    assert request.run_key == "purchase/1/2026-03-06"
    assert request.tags["weir/reason"] == "moved: price"
    assert "training is running" in world.tick()
    world.end(dg.DagsterRunStatus.SUCCESS)
    assert world.tick() == "no new period"
    world.judge(5)  # made again
    assert "cooling down" in world.tick()
    assert len(world.requested) == 1


def test_a_reason_before_the_newest_day_is_not_lost(world: World) -> None:
    world.judge(5)
    world.judge(6, retrain=False)
    world.tick()
    assert [request.tags["weir/period"] for request in world.requested] == ["2026-03-06"]


def test_reasons_wait_for_a_training_by_hand_but_not_for_other_jobs(world: World) -> None:
    world.judge(5)
    world.instance.create_run_for_job(other, status=dg.DagsterRunStatus.STARTED)
    world.run(dg.DagsterRunStatus.STARTED, {})
    assert "training is running" in world.tick()
    world.end(dg.DagsterRunStatus.SUCCESS)
    world.tick()
    assert len(world.requested) == 1


def test_while_a_version_is_on_trial_nothing_is_asked_for(world: World) -> None:
    world.judge(5)
    world.trial = 2
    assert world.tick() == "version 2 is on trial"
    world.trial = None
    world.judge(6)
    world.tick()
    assert len(world.requested) == 1


def test_after_the_retry_a_person_is_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.judge(5)
    world.tick()
    world.end(dg.DagsterRunStatus.FAILURE)
    assert "tried again after" in world.tick()
    monkeypatch.setattr("ml.drift.asking.RETRY_AFTER", timedelta(0))
    world.tick()
    assert [request.run_key for request in world.requested] == [
        "purchase/1/2026-03-06", "purchase/1/2026-03-06/2",
    ]  # fmt: skip
    assert not world.kept.got
    world.end(dg.DagsterRunStatus.FAILURE)
    for _ in range(3):
        world.tick()
    [alert] = world.kept.got
    assert "failed twice" in alert.title
    assert "moved: price" in alert.body
    assert len(world.requested) == 2


def test_without_postgresql_the_tick_is_skipped_and_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", "s3cret")
    well, world.cursor = world.settings, "7"
    world.settings = Settings(postgres_port=9)
    message = world.tick()
    assert "start it (weir up)" in message
    assert "s3cret" not in message
    assert world.cursor == "7"
    world.settings = well


@effort(
    max_examples=12,
    # An instance a step is slow to shrink.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(-2, 20), st.booleans()), max_size=3),
            st.sampled_from(["succeeds", "fails", "runs on", "is cancelled"]),
            st.sampled_from(["stays", "stays", "champion changes", "trial begins", "trial ends"]),
            st.booleans(),
        ),
        min_size=4,
        max_size=12,
    )
)
def test_never_twice_for_a_day_and_never_within_the_cool_down(
    settings: Settings, log: DriftLog, steps: list[tuple[list[tuple[int, bool]], str, str, bool]]
) -> None:
    ends = {
        "succeeds": dg.DagsterRunStatus.SUCCESS, "fails": dg.DagsterRunStatus.FAILURE,
        "is cancelled": dg.DagsterRunStatus.CANCELED,
    }  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        world = World(settings, log, instance)
        for days, end, change, cursor_lost in steps:
            for day, retrain in days:
                world.judge(day, retrain=retrain)
            if change == "champion changes":
                world.champion, world.trial = world.champion + 1, None
            elif change.startswith("trial"):
                world.trial = 99 if change == "trial begins" else None
            if cursor_lost:
                world.cursor = None
            before = len(world.requested)
            world.tick()
            assert world.trial is None or len(world.requested) == before
            if end in ends:
                world.end(ends[end])
    keys = [request.run_key for request in world.requested]
    assert len(set(keys)) == len(keys)
    days_asked = [date.fromisoformat(request.tags["weir/period"]) for request in world.requested]
    assert len(set(days_asked)) == len(days_asked)
    for earlier, later in pairwise(days_asked):
        assert later - earlier >= DAY


def test_the_sensor_loads_no_heavy_library(tmp_path: Path) -> None:
    script = (
        "import sys, dagster; before = set(sys.modules)\n"
        "from sensors.drift import build_drift_sensor; from ml.discovery import models\n"
        "[build_drift_sensor(spec) for spec in models().specs]\n"
        "from ml.assets.drift import build_drift_definitions\n"
        "[build_drift_definitions(spec) for spec in models().specs]\n"
        "heavy = {'psycopg', 'polars', 'scipy', 'evidently', 'mlflow', 'pandas'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
