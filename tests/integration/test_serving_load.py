"""The model server under load: versions change, PostgreSQL goes, the process is killed."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from benchmarks.load import Sent, percentile, steady
from ml.serving.log import PredictionLog
from platform_assets.core.settings import Settings
from platform_assets.local import supervise, supervisord
from platform_assets.local.wait import wait_until
from tests.integration.model_server import ModelServer, ServedModel, row

pytestmark = pytest.mark.usefixtures("servers_restored")

RATE = 200


@pytest.fixture
def server(settings: Settings) -> Iterator[ModelServer]:
    found = ModelServer(settings.models_port).start()
    yield found
    found.stop()


@pytest.fixture
def model(settings: Settings, server: ModelServer, tmp_path: Path) -> Iterator[ServedModel]:
    found = ServedModel(settings, server, tmp_path)
    yield found
    found.deployments.close()


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    found = PredictionLog(settings)
    yield found
    found.close()


class Load(threading.Thread):
    """Requests at a fixed rate beside the test."""

    def __init__(self, model: ServedModel, seconds: float) -> None:
        super().__init__()
        self.model, self.seconds = model, seconds
        self.sent: list[Sent] = []

    def run(self) -> None:
        self.sent = asyncio.run(
            steady(
                self.model.server.port,
                self.model.path,
                lambda n: orjson.dumps(row(f"user-{n % 997}")),
                rate=RATE,
                seconds=self.seconds,
            )
        )

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.join()

    @property
    def failed(self) -> list[Sent]:
        return [one for one in self.sent if one.status != 200]

    @property
    def ids(self) -> set[str]:
        return {orjson.loads(one.body)["id"] for one in self.sent if one.status == 200}

    def say(self, what: str) -> None:
        answers = Counter(
            (found["version"], found["arm"])
            for found in (orjson.loads(one.body) for one in self.sent if one.status == 200)
        )
        print(
            f"\n{what}: {len(self.sent)} requests at {RATE}/s, {len(self.failed)} failed,"
            f" p50 {percentile(self.sent, 50):.1f} ms, p99 {percentile(self.sent, 99):.1f} ms,"
            f" answers by version and arm {dict(sorted(answers.items()))}"
        )


def recorded(log: PredictionLog, model: ServedModel, trials: tuple[str, ...]) -> list[str]:
    return [id_ for trial in trials for id_ in log.joined(model.name, trial)["id"]]


def test_no_request_fails_while_versions_change(model: ServedModel, log: PredictionLog) -> None:
    model.begin(1)
    for number in (2, 3, 4, 5):
        model.version(number)
    changes = model.deployments
    why = {"reason": "test", "actor": "test"}
    with Load(model, 10) as load:
        began = time.monotonic()
        switches = 0
        while time.monotonic() < began + 8.5:
            for number in (2, 3, 4, 5):
                changes.try_challenger(model.name, number, share=0.5, **why)
                model.caught_up()
                changes.promote(model.name, **why)
                model.caught_up()
                switches += 2
            changes.roll_back(model.name, to=1, **why)
            model.caught_up()
            switches += 1
    load.say(f"{switches} changes")
    assert load.failed == []
    assert {orjson.loads(one.body)["version"] for one in load.sent} == {1, 2, 3, 4, 5}
    assert switches >= 9
    trials = ("", *(f"{model.name}/{number}" for number in (2, 3, 4, 5)))
    wait_until(
        lambda: len(recorded(log, model, trials)) >= len(load.sent), what="predictions", timeout=20
    )
    assert sorted(recorded(log, model, trials)) == sorted(load.ids)


def test_the_share_changes_under_load_without_a_restart(model: ServedModel) -> None:
    model.begin(1)
    model.version(2)
    model.challenge(2, share=0.0)
    with Load(model, 4) as load:
        for share in (0.5, 1.0):
            model.deployments.set_share(model.name, share, reason="test", actor="test")
            model.caught_up()
            after = time.perf_counter()
    load.say("share 0, 0.5, 1")
    assert load.failed == []
    arms = {(one.at > after, orjson.loads(one.body)["arm"]) for one in load.sent}
    # Requests that were sent before the last change was seen may have either arm.
    assert (True, "challenger") in arms
    assert (True, "champion") not in arms


def test_an_answered_prediction_survives_kill_9(
    model: ServedModel, server: ModelServer, log: PredictionLog
) -> None:
    model.begin(1)
    killed = 0
    with Load(model, 8) as load:
        for _ in range(2):
            seen = server.metric("weir_journal_recorded_total")
            wait_until(
                lambda seen=seen: server.metric("weir_journal_recorded_total") > seen + 150,
                what="load", timeout=20, every=0.02,
            )  # fmt: skip
            server.stop(signal.SIGKILL)
            killed += 1
            server.start()
    load.say("killed twice")
    assert len(load.ids) > 300
    assert load.failed, "the kills came after the load"
    wait_until(lambda: log_holds(log, model, load.ids), what="all predictions", timeout=30)


def log_holds(log: PredictionLog, model: ServedModel, ids: set[str]) -> bool:
    return ids <= set(recorded(log, model, ("",)))


def test_no_request_fails_while_postgresql_is_away(
    settings: Settings, model: ServedModel, server: ModelServer, log: PredictionLog
) -> None:
    model.begin(1)
    with Load(model, 12) as load:
        wait_until(
            lambda: server.metric("weir_model_predictions_total") > 100, what="load", timeout=20
        )
        supervisord.client(settings).stopProcess("postgres", True)
        stopped = time.monotonic()
        wait_until(
            lambda: server.get("/ready").json()["database"] == "away", what="away", timeout=20
        )
        assert server.post("/v1/outcomes", {"outcomes": [outcome()]}).status_code == 503
        wait_until(lambda: time.monotonic() > stopped + 5, what="five seconds", timeout=10)
        waiting = server.metric("weir_journal_waiting_bytes")
        supervise.start(settings, ("postgres",))
    load.say("PostgreSQL away for 5 s")
    assert load.failed == []
    assert waiting > 100_000
    log.close()
    wait_until(lambda: log_holds(log, model, load.ids), what="all predictions", timeout=60)
    assert sorted(recorded(log, model, ("",))) == sorted(load.ids)
    wait_until(
        lambda: server.metric("weir_journal_waiting_bytes") == 0,
        what="an empty journal",
        timeout=20,
    )
    assert server.metric("weir_journal_lost_total") == 0


def outcome() -> dict[str, object]:
    return {"id": "01a1fd8a-5364-7000-bef8-e69158b9a3c8", "actual": 1}
