"""The whole loop, with no hand on it: drift, retraining, a trial, promotion, and a roll-back.

The test plays the clock (a day ends; labels grow old enough) and the world (the shop's visitors,
what they ask and what they do). The daemon's part is played tick by tick. All that is decided, is
decided by the parts themselves; by hand come the first training and one bad release.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import dagster as dg
import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from ml.assets.features import JOB as FEATURES_JOB
from ml.assets.keys import part_key
from ml.assets.training import PARTS
from ml.features.daily import midnight
from ml.features.user import FEATURES
from ml.models.purchase.spec import SPEC
from ml.rollout.deployment import Deployment, Deployments
from ml.store.artefact import artefact_key, open_artefact, seal
from ml.store.registry import Registry
from ml.trials import evidence, guard, judge
from platform_assets.cli.models import models
from platform_assets.connectors.simulate import Shift
from platform_assets.core.settings import Settings
from platform_assets.definitions import defs
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until
from tests.conftest import new_home
from tests.e2e.daemon import Daemon
from tests.e2e.loop_world import Asked, World, ask, tell
from tests.integration.model_server import ModelServer

MODEL, TRAINING, JUDGING = SPEC.name, SPEC.training_job, SPEC.judging_job
DATASET_KEY, VERSION_KEY, EVALUATION_KEY, DEPLOYMENT_KEY = (part_key(MODEL, part) for part in PARTS)
DRIFT, TRIAL_KEY, SERVED_KEY = (part_key(MODEL, part) for part in ("drift", "trial", "served"))
FIRST = date(2026, 3, 1)
EVENTS = 1_500
"""A day, before the shift."""
TRAINED, SHIFTED, TRIAL = 35, 37, 39
"""Numbers of days: the first training, the first other day, the first requests of the trial."""
SHOPS, PART = 14, 10_000
"""Shops whose visitors ask, and how many of them between two looks at the trial."""
HEALTHY_SHOPS = 1
SENSORS = ("retrain_on_drift", "judge_trials", "guard_serving")


class Clock(datetime):
    """The judges' clock: ahead of the world's as far as labels must grow old."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """The time."""
        return super().now(tz) + cls.ahead


@dataclass
class Loop:
    """The parts, as they stand for this test."""

    settings: Settings
    daemon: Daemon
    world: World
    server: ModelServer
    deployments: Deployments
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def now(self) -> Deployment:
        """Who serves."""
        found = self.deployments.current(MODEL)
        assert found is not None, "nobody serves the model"
        return found

    def end_day(self, number: int) -> dict[str, Any]:
        """A day is over: its visitors are in silver, its features and its judgement are made.

        Returns:
            What the drift asset says of it.
        """
        self.world.live(number + 1)
        key = self.world.day(number).isoformat()
        for job in (FEATURES_JOB, "watch_purchase"):
            assert self.daemon.run(job, key).success, f"{job} of {key} failed"
        return self.daemon.told(DRIFT, 1)[0]

    def follows(self, what: str, **state: object) -> None:
        """Wait until the model server serves what the deployment says."""

        def there() -> bool:
            told = self.server.get(f"/v1/models/{MODEL}").json()
            return all(told.get(name) == value for name, value in state.items())

        wait_until(there, what=what, timeout=30, every=0.1)

    def ask(self, visitors: pl.DataFrame) -> Asked:
        """Visitors ask, and all answers are on record."""
        asked = ask(self.server.address, visitors)
        wait_until(
            lambda: self.server.get("/ready").json()["waiting_bytes"] == 0,
            what="the record of the answers", timeout=60, every=0.1,
        )  # fmt: skip
        return asked

    def notes(self) -> list[dict[str, Any]]:
        """Messages that went out."""
        path = self.settings.home / "notifications.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage took."""
        began = time.monotonic()
        yield
        self.figures[f"seconds: {stage}"] = round(time.monotonic() - began, 1)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    """A home of its own: Kafka, schema registry, PostgreSQL, a model server, a Dagster instance."""
    began = time.monotonic()
    for name in [name for name in os.environ if name.startswith("WEIR_NOTIFY")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(judge, "datetime", Clock)
    monkeypatch.setattr(guard, "datetime", Clock)
    monkeypatch.setattr(Clock, "ahead", timedelta())
    with new_home() as settings:
        shift = Shift(midnight(FIRST + timedelta(days=SHIFTED)), conversion=10, activity=5)
        server, deployments = ModelServer(settings.models_port), Deployments(settings)
        try:
            supervise.start(settings, ("postgres", "kafka", "registry"))
            server.start()
            with dg.instance_for_test() as instance:
                parts = Loop(
                    settings, Daemon(defs, instance), World(settings, FIRST, EVENTS, shift),
                    server, deployments,
                )  # fmt: skip
                parts.figures["seconds: servers"] = round(time.monotonic() - began, 1)
                yield parts
        finally:
            server.stop()
            deployments.close()


@pytest.mark.timeout(1200)  # a minute on a quiet machine; servers and trainings wait on a busy one
def test_from_drift_to_a_better_champion_and_a_bad_one_is_taken_out(loop: Loop) -> None:
    first_version_serves_and_healthy_days_ask_for_nothing(loop)
    shift_is_found_and_one_training_asked_for(loop)
    challenger_has_five_per_cent_wins_and_is_champion(loop)
    broken_version_is_rolled_back_and_no_caller_sees_it(loop)
    nothing_flaps(loop)
    all_of_it_is_on_record(loop)
    for name, value in loop.figures.items():
        print(f"{name:<60} {value}")


def first_version_serves_and_healthy_days_ask_for_nothing(loop: Loop) -> None:
    with loop.timed("35 days into silver, features, first training"):
        loop.world.live(TRAINED)
        days = [loop.world.day(number).isoformat() for number in (5, TRAINED - 1)]
        names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        tags = dict(zip(names, days, strict=True))
        assert loop.daemon.run(FEATURES_JOB, tags=tags).success
        assert loop.daemon.run(TRAINING).success
    assert (loop.now.champion, loop.now.challenger) == (1, None), "the first version is no champion"
    loop.follows("version 1", champion=1, challenger=None)
    # What the champion before answered in healthy days is what a new one's latency is held to.
    asked = loop.ask(loop.world.visitors(TRAINED, HEALTHY_SHOPS))
    assert asked.by(1) == len(asked.predictions), "others than version 1 answered"
    tell(loop.server.address, asked)
    with loop.timed("two healthy days, judged"):
        for number in range(TRAINED, SHIFTED):
            said = loop.end_day(number)
            assert not said["retrain"], f"healthy day {number} asks for a training: {said}"
            for name in SENSORS:
                runs = loop.daemon.tick(name)
                assert runs == [], f"{name} asks for a run on healthy day {number}"
    assert loop.notes() == [], "somebody was told of a healthy day"


def shift_is_found_and_one_training_asked_for(loop: Loop) -> None:
    runs: list[dg.ExecuteInProcessResult] = []
    with loop.timed("days of the shift until a challenger is trained"):
        for number in range(SHIFTED, TRIAL):
            said = loop.end_day(number)
            runs += loop.daemon.tick("retrain_on_drift")
    assert said["retrain"], f"the shift was not found: {said['reason']}"
    assert len(runs) == 1, f"{len(runs)} trainings; {loop.daemon.said['retrain_on_drift']}"
    [run] = runs
    assert run.success, "the training failed"
    tags = run.dagster_run.tags
    assert tags["weir/reason"], "the run does not say why"
    feature = tags["weir/feature"].split(", ")[0]
    assert feature in FEATURES, f"no feature is named: {tags['weir/feature']!r}"
    assert feature in said["reason"], "the decision names another feature than the run"
    assert tags["weir/shift"].startswith(("+", "-")), tags["weir/shift"]
    assert loop.daemon.tick("retrain_on_drift") == [], "the same reason is asked about twice"
    loop.figures["moved"] = f"{feature} {tags['weir/shift'].split(', ')[0]}"
    version = Registry(loop.settings).get(MODEL, "challenger")
    assert version.tags["weir/feature"] == tags["weir/feature"], "the version does not say why"
    now = loop.now
    assert (now.champion, now.challenger, now.share) == (1, 2, 0.05), f"no trial: {now}"


def challenger_has_five_per_cent_wins_and_is_champion(loop: Loop) -> None:
    loop.follows("the trial of version 2", champion=1, challenger=2)
    before = loop.server.process.pid if loop.server.process else 0
    visitors = loop.world.visitors(TRIAL, SHOPS)
    asked = loop.ask(visitors[:PART])
    seen, rate = asked.by(2), 0.05
    noise = 4 * np.sqrt(len(asked.predictions) * rate * (1 - rate))
    assert abs(seen - rate * len(asked.predictions)) < noise, f"{seen} of {PART} are the challenger"
    loop.figures["answers of the challenger, of the first 10,000"] = seen

    with loop.timed("a further day of drift"):
        assert loop.end_day(TRIAL)["retrain"], "the drift is gone"
        assert loop.daemon.tick("retrain_on_drift") == [], "a training beside a trial"
    assert "on trial" in loop.daemon.said["retrain_on_drift"]

    tell(loop.server.address, asked)
    assert loop.daemon.tick("judge_trials") == [], "labels count before their horizon is over"
    Clock.ahead = timedelta(hours=25)
    runs, requests = 0, len(asked.predictions)
    with loop.timed("labels until the verdict"):
        while True:
            for run in loop.daemon.tick("judge_trials"):
                assert run.success, "judge_purchase failed"
                runs += 1
            if loop.now.challenger is None or requests >= len(visitors):
                break
            asked = loop.ask(visitors[requests : requests + PART])
            tell(loop.server.address, asked)
            requests += len(asked.predictions)
    assert loop.now.challenger is None, (
        f"no verdict after {requests} requests: {evidence(loop.settings, MODEL)}"
    )
    said = next(told for told in loop.daemon.told(TRIAL_KEY) if "trial/verdict" in told)
    verdict = f"{said['trial/verdict']}: {said['trial/reason']}; {said['trial/evidence']}"
    assert said["trial/verdict"] == "promote", verdict
    assert said["trial/labelled"] > 100, verdict
    assert "outcome" in said["trial/evidence"], verdict
    assert (loop.now.champion, loop.now.challenger) == (2, None), f"{verdict}; {loop.now}"
    registry = Registry(loop.settings)
    assert registry.aliases(MODEL) == {"champion": 2}, "the aliases tell another story"
    loop.follows("version 2", champion=2, challenger=None)
    assert loop.server.process is not None
    assert loop.server.process.pid == before, "the server was started again"
    answers = loop.ask(visitors[:500])
    assert answers.by(2) == 500, "version 1 still answers"
    loop.figures |= {
        "requests until the verdict": requests,
        "labels until the verdict, both arms": said["trial/labelled"],
        "evidence": said["trial/evidence"],
        "runs of judge_purchase": runs,
    }
    loop.daemon.tick("guard_serving")
    assert [note["title"] for note in loop.notes()] == [
        "purchase: version 2 is champion now, instead of 1"
    ]


def broken_version_is_rolled_back_and_no_caller_sees_it(loop: Loop) -> None:
    number = bad_release(loop.settings)
    done = CliRunner().invoke(models, ["try", MODEL, str(number), "--reason", "a release"])
    assert done.exit_code == 0, done.output
    loop.follows("the trial of version 3", champion=2, challenger=number)
    visitors = loop.world.visitors(TRIAL + 1, 2)
    requests, answered = 0, 0
    with loop.timed("a broken version until it is out"):
        while loop.now.challenger is not None and requests < len(visitors):
            asked = loop.ask(visitors[requests : requests + 200])
            assert asked.failed == [], "a caller was refused"
            answered += asked.by(number)
            requests += len(asked.predictions)
            loop.daemon.tick("guard_serving")
    now = loop.now
    assert (now.champion, now.challenger) == (2, None), f"{requests} requests: {now}"
    assert answered == 0, "the broken version answered: it is not broken"
    assert requests <= 2_000, f"{requests} requests until it was out"
    loop.follows("version 2 alone", champion=2, challenger=None)
    assert loop.ask(visitors[:500]).by(2) == 500
    [note] = loop.notes()[1:]
    assert note["title"] == "purchase: version 3 was rolled back; 2 serves", note
    said = loop.daemon.told(TRIAL_KEY, 1)[0]
    assert said["trial/verdict"] == "roll back", said
    assert "errors" in said["trial/evidence"], "no evidence on the asset"
    loop.figures["requests until the broken version was out"] = requests


def bad_release(settings: Settings) -> int:
    """Register a version that loads, and fails for every visitor with a past.

    It is the root of minus the sum of the features: 0 for the empty row that a server tries.
    """
    registry, key = Registry(settings), artefact_key(settings)
    good = registry.get(MODEL, "champion")
    opened = open_artefact(good.artefact, key)
    assert good.dataset is not None
    score = opened.signature.outputs[0].name
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=1),
            helper.make_node("Neg", ["sum"], ["minus"]),
            helper.make_node("Sqrt", ["minus"], [score]),
        ],
        "bad",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(FEATURES)])],
        [helper.make_tensor_value_info(score, TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.array([1], np.int64), "axis")],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, str(made / "model.onnx"))
        seal(made, "onnx", opened.signature, dict(opened.metadata), key)
        return registry.register(
            MODEL, made, params={}, metrics=dict(good.metrics), dataset=good.dataset,
            code_version=good.code_version, card="# A bad release",
        ).number  # fmt: skip


def nothing_flaps(loop: Loop) -> None:
    # The aliases follow in a run that the roll-back left to do.
    for run in loop.daemon.tick("judge_trials"):
        assert run.success
    assert Registry(loop.settings).aliases(MODEL) == {"champion": 2}
    with loop.timed("a day with the new champion"):
        said = loop.end_day(TRIAL + 1)
    assert said["version"] == 2, "the day is judged by another version's data"
    history = loop.deployments.history(MODEL)
    for _ in range(3):
        for name in SENSORS:
            runs = loop.daemon.tick(name)
            assert runs == [], f"{name} asks for {[run.dagster_run.job_name for run in runs]}"
    assert loop.deployments.history(MODEL) == history, "the deployment changed"
    assert len(loop.notes()) == 2, "somebody was told again"


def all_of_it_is_on_record(loop: Loop) -> None:
    served = [(row.champion, row.challenger) for row in reversed(loop.deployments.history(MODEL))]
    assert served == [(1, None), (1, 2), (2, None), (2, 3), (2, None)], served
    for row in loop.deployments.history(MODEL):
        assert row.reason, f"revision {row.revision} has no reason"
        assert row.actor, f"revision {row.revision} has no actor"
    counts = {key: len(loop.daemon.told(key)) for key in (
        DATASET_KEY, VERSION_KEY, EVALUATION_KEY, DEPLOYMENT_KEY, DRIFT, TRIAL_KEY, SERVED_KEY
    )}  # fmt: skip
    for key in (DATASET_KEY, VERSION_KEY, EVALUATION_KEY, DEPLOYMENT_KEY):
        assert counts[key] == 2, f"{key.to_user_string()}: {counts[key]} materialisations"
    assert counts[DRIFT] == TRIAL + 2 - TRAINED, counts
    assert counts[TRIAL_KEY] >= 2, counts
    assert counts[SERVED_KEY] >= 2, counts
    registry = Registry(loop.settings)
    runs = {told["version"]: told["run_id"] for told in loop.daemon.told(VERSION_KEY)}
    for version in registry.versions(MODEL):
        if version.number in runs:
            assert version.tags["weir/dagster_run"] == runs[version.number]
    made = loop.daemon.instance.get_runs(dg.RunsFilter(job_name=JUDGING))
    assert made, "no run judged"
    assert all(run.status is dg.DagsterRunStatus.SUCCESS for run in made)
    loop.figures["at"] = datetime.now(UTC).isoformat(timespec="seconds")
