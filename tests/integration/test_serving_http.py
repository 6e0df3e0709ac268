"""The model server as its callers see it: answers, refusals, outcomes, what cannot be loaded."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ml.canary.share import Arm, Split
from ml.rollout.deployment import Deployment, DeploymentError, Deployments
from ml.serving.ids import Ids
from ml.serving.kserve import KServeError, manifest, write
from ml.serving.log import OutcomeError, Prediction, PredictionLog
from ml.store.artefact import artefact_key
from platform_assets.core.settings import Settings
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until
from tests.conftest import new_home
from tests.integration.model_server import ModelServer, ServedModel, row
from tests.onnx_models import FIELDS, write_model
from tests.ports import free_port_base

WHY = {"reason": "test", "actor": "test"}


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[ModelServer]:
    found = ModelServer(settings.models_port).start()
    yield found
    found.stop()


@pytest.fixture
def model(
    settings: Settings, server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedModel]:
    found = ServedModel(settings, server, tmp_path_factory.mktemp("models"))
    yield found
    found.deployments.close()


@pytest.fixture(scope="module")
def log(settings: Settings) -> Iterator[PredictionLog]:
    found = PredictionLog(settings)
    yield found
    found.close()


def rows_of(log: PredictionLog, model: ServedModel, trial: str, count: int) -> list[dict[str, Any]]:
    """A trial's rows, once that many are there."""
    wait_until(
        lambda: len(log.joined(model.name, trial)) >= count, what=f"{count} rows", timeout=20
    )
    return log.joined(model.name, trial).to_dicts()


def key_of(trial: str, share: float, arm: Arm) -> str:
    """A key that a trial gives to an arm."""
    split = Split(trial, share)
    return next(key for key in map(str, range(10_000)) if split.arm(key) is arm)


def test_an_answer_names_what_answered(model: ServedModel, log: PredictionLog) -> None:
    model.begin(1)
    response = model.predict("u1", 0.2)
    assert response.status_code == 200
    found = response.json()
    assert response.headers["x-request-id"] == found["id"]
    assert found.keys() == {"id", "model", "version", "arm", "score", "label"}
    assert (found["version"], found["arm"], found["label"]) == (1, "champion", 1)
    # sigmoid(3 * 0.2 + 0.1)
    assert found["score"] == pytest.approx(0.668188, abs=1e-5)
    (recorded,) = rows_of(log, model, "", 1)
    assert recorded["id"] == found["id"]
    assert (recorded["key"], recorded["label"], recorded["failed"]) == ("u1", 1, False)
    assert 0 < recorded["seconds"] < 1


def test_a_batch_gives_each_row_what_it_would_get_alone(model: ServedModel) -> None:
    model.begin(1)
    model.version(2)
    model.challenge(2, share=0.5)
    rows = [row(f"u{n}", n / 50) for n in range(60)]
    found = model.server.post(f"{model.path}_batch", {"rows": rows}).json()["predictions"]
    alone = [model.server.post(model.path, one).json() for one in rows]
    same = ("version", "arm", "score", "label")
    assert [[one[name] for name in same] for one in found] == [
        [one[name] for name in same] for one in alone
    ]
    assert {one["arm"] for one in found} == {"champion", "challenger"}
    assert len({one["id"] for one in found + alone}) == 120


def test_a_refusal_names_every_problem(model: ServedModel) -> None:
    model.begin(1)
    bad = {"key": "", "inputs": {"recency": "x", "views": None, "colour": 1}, "keys": 1}
    response = model.server.post(model.path, bad)
    assert response.status_code == 422
    error = response.json()["error"]
    assert {one["field"] for one in error["problems"]} == {
        "key", "keys", "inputs.recency", "inputs.views", "inputs.rate", "inputs.colour",
    }  # fmt: skip
    assert response.headers["x-request-id"] == error["id"]
    batch = model.server.post(f"{model.path}_batch", {"rows": [row("a"), bad]})
    fields = {one["field"] for one in batch.json()["error"]["problems"]}
    assert batch.status_code == 422
    assert "rows[1].inputs.recency" in fields
    assert not any(name.startswith("rows[0]") for name in fields)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"key": "u", "inputs": {"recency": NaN}}', 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b"", 400),
        (b" " * (4 * 2**20 + 1), 413),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_none_is_refused(
    model: ServedModel, content: bytes, status: int, chunked: bool
) -> None:
    model.begin(1)
    body: Any = iter([content]) if chunked else content
    json = {"Content-Type": "application/json"}
    url = model.server.address + model.path
    response = httpx.post(url, content=body, headers=json, timeout=20)
    assert response.status_code == status, response.text
    assert response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/outcomes", {"Content-Type": "text/plain"}, 415),
        ("/v1/models/any/predict", {"Content-Type": "text/plain"}, 415),
        ("/v2/models/any/infer", {"Origin": "https://evil.example"}, 403),
        ("/v1/models/any/predict_batch", {"Host": "evil.example"}, 400),
    ],
)
def test_a_page_of_another_site_is_refused(
    server: ModelServer, path: str, headers: dict[str, str], status: int
) -> None:
    response = httpx.post(server.address + path, json={}, headers=headers, timeout=20)
    assert response.status_code == status, response.text
    assert response.json()["error"]["message"]


def test_an_unknown_model_or_address_is_not_found(model: ServedModel) -> None:
    model.begin(1)
    response = model.server.post("/v1/models/nobody/predict", row("u"))
    assert response.status_code == 404
    assert model.name in response.json()["error"]["hint"]
    assert model.server.get("/v1/models/nobody").status_code == 404
    assert model.server.get("/nowhere").status_code == 404
    assert model.server.get(model.path).status_code == 405


def test_the_callers_request_id_comes_back(model: ServedModel) -> None:
    model.begin(1)
    for given, kept in (("abc-1", True), ("a b", False)):
        response = httpx.post(
            model.server.address + model.path, json=row("u"), headers={"X-Request-Id": given}
        )
        assert (response.headers["x-request-id"] == given) is kept


def test_a_failing_challenger_costs_no_request_and_is_on_record(
    model: ServedModel, log: PredictionLog
) -> None:
    model.begin(1)
    model.version(2, broken=True)
    model.challenge(2, share=0.5)
    trial = f"{model.name}/2"
    key = key_of(trial, 0.5, Arm.CHALLENGER)
    good, bad = model.predict(key, 0.5).json(), model.predict(key, -0.5).json()
    assert (good["version"], good["arm"]) == (2, "challenger")
    assert (bad["version"], bad["arm"]) == (1, "champion")
    in_trial = rows_of(log, model, trial, 2)
    assert [(one["arm"], one["failed"]) for one in in_trial] == [
        ("challenger", False), ("challenger", True),
    ]  # fmt: skip
    assert in_trial[1]["id"] == bad["id"]
    # The champion stood in: no evidence about it.
    assert [one["id"] for one in rows_of(log, model, "", 1)] == [bad["id"]]


def test_a_failing_champion_is_a_500_with_the_id_on_record(
    model: ServedModel, log: PredictionLog
) -> None:
    model.begin(1, broken=True)
    response = model.predict("u", -0.5)
    assert response.status_code == 500
    error = response.json()["error"]
    (recorded,) = rows_of(log, model, "", 1)
    assert (recorded["id"], recorded["failed"]) == (error["prediction"], True)
    rows = [row("a", -0.5), row("b", 0.5)]
    batch = model.server.post(f"{model.path}_batch", {"rows": rows})
    assert batch.status_code == 200
    failed, fine = batch.json()["predictions"]
    assert "error" in failed
    assert fine["score"] is not None


def test_a_shadow_scores_what_the_champion_answers(
    model: ServedModel, server: ModelServer, log: PredictionLog
) -> None:
    model.begin(1)
    model.version(2)
    model.challenge(2, share=1.0, shadow=True)
    found = model.predict("u", 0.5).json()
    assert (found["version"], found["arm"]) == (1, "champion")
    recorded = rows_of(log, model, f"{model.name}/2", 2)
    assert [(one["arm"], one["version"], one["shadow"]) for one in recorded] == [
        ("challenger", 2, True), ("champion", 1, False),
    ]  # fmt: skip
    server.post("/v1/outcomes", {"outcomes": [{"id": found["id"], "actual": 1}]})
    joined = rows_of(log, model, f"{model.name}/2", 2)
    assert [one["actual"] for one in joined] == [1, 1]


def test_what_cannot_be_loaded_leaves_what_serves(model: ServedModel, server: ModelServer) -> None:
    model.begin(1)
    model.version(2)
    (model.folder(2) / "model.onnx").write_bytes(b"\x08changed")
    failures = server.metric("weir_model_load_failures_total")
    model.challenge(2, share=1.0)
    state = model.state()
    assert state["challenger"] is None
    assert "version 2" in state["error"]
    assert "not the file that was sealed" in state["error"]
    assert server.metric("weir_model_load_failures_total") > failures
    assert model.predict().json()["version"] == 1
    # The same as champion: the old one goes on answering.
    model.deployments.promote(model.name, **WHY)
    wait_until(lambda: "version 2" in model.state()["error"], what="the error", timeout=10)
    assert model.predict().json()["version"] == 1
    model.deployments.roll_back(model.name, **WHY)
    model.caught_up()
    assert model.state()["error"] is None


def test_a_challenger_with_other_inputs_is_not_served(model: ServedModel) -> None:
    model.begin(1)
    model.version(2, fields=("recency", "views"))
    model.challenge(2, share=1.0)
    assert "other inputs" in model.state()["error"]
    assert model.predict().json()["version"] == 1


def test_a_foreign_seal_is_refused(model: ServedModel) -> None:
    model.begin(1)
    model.version(2, key=b"f" * 32)
    model.challenge(2, share=1.0)
    assert "unknown origin" in model.state()["error"]


def test_outcomes_may_come_early_and_twice_but_not_differ(
    model: ServedModel, server: ModelServer, log: PredictionLog
) -> None:
    early = Ids().next()

    def offer(actual: int, id_: str = early) -> httpx.Response:
        known = "2026-03-01T12:00:00+01:00"
        return server.post(
            "/v1/outcomes", {"outcomes": [{"id": id_, "actual": actual, "known_at": known}]}
        )

    assert offer(1).json() == {"added": 1, "repeated": 0, "refused": 0, "refused_ids": []}
    assert offer(1).json()["repeated"] == 1
    refused = offer(0)
    assert refused.status_code == 409
    assert refused.json()["refused_ids"] == [early]
    assert offer(1, early.upper()).json()["repeated"] == 1
    assert server.metric("weir_model_outcomes_total") >= 4
    log.add([prediction(model.name, early)])
    (joined,) = log.joined(model.name, "t").to_dicts()
    assert joined["actual"] == 1
    assert joined["known_at"] == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    "outcome",
    [
        {"id": "x", "actual": 1},
        {"id": str(uuid.uuid4()), "actual": 2},
        {"id": str(uuid.uuid4()), "actual": True},
        {"id": str(uuid.uuid4()), "actual": 1, "known_at": "2026-03-01T12:00:00"},
        {"id": str(uuid.uuid4()), "actual": 1, "why": 1},
        "x",
    ],
)
def test_an_outcome_that_is_none_is_refused(server: ModelServer, outcome: object) -> None:
    response = server.post("/v1/outcomes", {"outcomes": [outcome]})
    assert response.status_code == 422
    assert response.json()["error"]["problems"][0]["field"].startswith("outcomes[0]")


def test_the_open_inference_protocol_gives_the_same_scores(model: ServedModel) -> None:
    model.begin(1)
    about = model.server.get(f"/v2/models/{model.name}").json()
    assert [one["name"] for one in about["inputs"]] == list(FIELDS)
    tensors = [
        {"name": name, "datatype": "FP64", "shape": [2], "data": [0.1, 0.4]} for name in FIELDS
    ]
    matrix = [
        {"name": "inputs", "datatype": "FP64", "shape": [2, 3], "data": [0.1] * 3 + [0.4] * 3}
    ]
    alone = [model.predict("u", value).json()["score"] for value in (0.1, 0.4)]
    for inputs in (tensors, matrix):
        document = {"inputs": inputs, "parameters": {"keys": ["a", "b"]}}
        response = model.server.post(f"/v2/models/{model.name}/infer", document)
        assert response.status_code == 200, response.text
        score, label, ids = response.json()["outputs"]
        assert score["data"] == alone
        assert label["data"] == [1, 1]
        assert len(ids["data"]) == 2
    wrong = [{"name": "inputs", "datatype": "FP64", "shape": [2, 2], "data": [0.1] * 4}]
    assert model.server.post(f"/v2/models/{model.name}/infer", {"inputs": wrong}).status_code == 422
    assert model.server.get("/v2/health/ready").status_code == 200
    assert model.server.get(f"/v2/models/{model.name}/ready").status_code == 200


def test_of_two_actors_one_wins(settings: Settings, tmp_path: Path) -> None:
    name = f"m{uuid.uuid4().hex[:8]}"
    deployments = Deployments(settings, lambda _model, number: tmp_path / str(number))
    deployments.start(name, 1, **WHY)
    trial = deployments.try_challenger(name, 2, **WHY)
    won: list[Deployment] = []
    lost: list[DeploymentError] = []
    together = threading.Barrier(8)

    def act(promote: bool) -> None:
        together.wait(20)
        change = deployments.promote if promote else deployments.end_trial
        try:
            won.append(change(name, revision=trial.revision, **WHY))
        except DeploymentError as error:
            lost.append(error)

    threads = [threading.Thread(target=act, args=(n % 2 == 0,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert deployments.current(name) == won[0]
    assert [one.revision for one in deployments.history(name)] == [3, 2, 1]
    deployments.close()


def test_changes_that_the_state_does_not_allow(settings: Settings, tmp_path: Path) -> None:
    name = f"m{uuid.uuid4().hex[:8]}"
    deployments = Deployments(settings, lambda _model, number: tmp_path / str(number))
    for change in (deployments.promote, deployments.end_trial, deployments.roll_back):
        with pytest.raises(DeploymentError, match="not served"):
            change(name, **WHY)
    deployments.start(name, 1, **WHY)
    with pytest.raises(DeploymentError, match="served already"):
        deployments.start(name, 2, **WHY)
    for change in (deployments.promote, deployments.end_trial):
        with pytest.raises(DeploymentError, match="no version is on trial"):
            change(name, **WHY)
    with pytest.raises(DeploymentError, match="first champion"):
        deployments.roll_back(name, **WHY)
    with pytest.raises(DeploymentError, match="is the champion"):
        deployments.try_challenger(name, 1, **WHY)
    found = deployments.try_challenger(name, 2, **WHY)
    assert (found.share, found.trial, found.shadow) == (0.05, f"{name}/2", False)
    assert found.artefacts == {1: tmp_path / "1", 2: tmp_path / "2"}
    with pytest.raises(DeploymentError, match="is on trial"):
        deployments.try_challenger(name, 3, **WHY)
    with pytest.raises(DeploymentError, match="not an earlier champion"):
        deployments.roll_back(name, to=2, **WHY)
    assert deployments.set_share(name, 0.2, shadow=True, **WHY).shadow
    assert deployments.end_trial(name, **WHY).artefacts == {1: tmp_path / "1"}
    assert {one.model: one for one in deployments.in_force()}[name].revision == 4
    deployments.close()


def test_rows_are_written_once_and_forgotten_by_their_age(log: PredictionLog) -> None:
    name = f"m{uuid.uuid4().hex[:8]}"
    old = prediction(name, "019a0000-0000-7000-8000-000000000000")
    new = prediction(name, Ids().next())
    assert log.add([old, new, old]) == 2
    assert log.add([old, new]) == 0
    log.add_outcomes([(old.id, 1, old.at), (new.id, 0, new.at)])
    with pytest.raises(OutcomeError, match="neither 0 nor 1"):
        log.add_outcomes([(new.id, 2, new.at)])
    assert log.joined(name, "t")["id"].to_list() == [old.id, new.id]
    assert log.joined(name, "t", since_id=old.id)["id"].to_list() == [new.id]
    assert log.joined(name, "t", limit=1)["id"].to_list() == [old.id]
    assert log.forget(datetime.now(UTC) - timedelta(days=1)) >= 1
    assert log.joined(name, "t")["actual"].to_list() == [0]
    assert log.disagreeing([(old.id, 0, old.at)]) == []


def test_manifests_follow_what_is_deployed(
    settings: Settings, model: ServedModel, tmp_path: Path
) -> None:
    with pytest.raises(KServeError, match="not deployed"):
        write(settings, model.name, tmp_path)
    model.begin(1)
    model.version(2)
    model.challenge(2, share=0.1)
    champion, trial = (
        yaml.safe_load(path.read_text()) for path in write(settings, model.name, tmp_path)
    )
    assert champion == manifest(model.name, 1)
    assert trial == manifest(model.name, 1, 2, 0.1)
    model.deployments.set_share(model.name, 0.1, shadow=True, **WHY)
    with pytest.raises(KServeError, match="shadow"):
        write(settings, model.name, tmp_path)
    model.deployments.promote(model.name, **WHY)
    (left,) = write(settings, model.name, tmp_path)
    assert [left] == list(tmp_path.iterdir())
    assert yaml.safe_load(left.read_text()) == manifest(model.name, 2)


def test_one_sealed_folder_is_served_whatever_is_deployed(model: ServedModel) -> None:
    model.version(7)
    own = ModelServer(free_port_base())
    own.start("--folder", str(model.folder(7)), "--model", model.name, "--version", "7")
    try:
        found = own.post(model.path, row("u")).json()
        assert (found["version"], found["arm"]) == (7, "champion")
        assert own.get(f"/v2/models/{model.name}/ready").status_code == 200
    finally:
        own.stop()


def test_the_server_starts_without_any_model(settings: Settings, tmp_path: Path) -> None:
    del settings
    with new_home() as own:
        rows = {one.name: one for one in supervise.start(own, ("models",))}
        assert rows["models"].health == "ready"
        empty = ModelServer(own.models_port)
        assert empty.get("/ready").json()["ready"] is True
        assert empty.get("/v1/models").json() == {"models": []}
        # The first model needs no restart.
        first = ServedModel(own, empty, tmp_path)
        write_model(first.folder(1), key=artefact_key(own))
        first.deployments.start(first.name, 1, **WHY)
        first.caught_up()
        assert first.predict().status_code == 200
        first.deployments.close()


def prediction(model: str, id_: str) -> Prediction:
    now = datetime.now(UTC)
    return Prediction(id_, model, 1, "champion", "t", "k", now, 0.001, False, 0.5, 1, False)
