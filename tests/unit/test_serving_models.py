"""Versions in memory: what is loaded, who answers, what is on record. No server, no database."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from safetensors.numpy import save

from ml.canary.share import Arm, Split
from ml.rollout.deployment import Deployment
from ml.serving import router
from ml.serving.journal import Journal, JournalError
from ml.serving.log import Prediction
from ml.serving.router import Request
from ml.serving.runtime import Model, ModelError, load
from ml.serving.state import Fleet, Service
from ml.store.artefact import ArtefactError, Field, Signature, seal
from platform_assets.core.databases import DatabaseError
from platform_assets.local.wait import wait_until
from tests.onnx_models import KEY, OUTPUTS, write_graph, write_model

ROW = Deployment(
    "m", 1, None, 0.0, False, "", 1, datetime(2026, 1, 1, tzinfo=UTC), "test", "test", {}
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """1 and 2 are good, 3 fails below 0, 4 was changed after it was sealed."""
    root = tmp_path_factory.mktemp("models")
    made = {
        number: write_model(root / str(number), bias=number / 10, broken=number == 3)
        for number in (1, 2, 3, 4)
    }
    (made[4] / "model.onnx").write_bytes(b"\x08other")
    return made


@pytest.fixture(scope="module")
def models(folders: dict[int, Path]) -> dict[int, Model]:
    return {number: load("m", number, folders[number], KEY) for number in (1, 2, 3)}


def deployed(folders: dict[int, Path], champion: int, challenger: int | None = None) -> Deployment:
    named = {number: folders[number] for number in (champion, challenger) if number}
    trial = f"m/{challenger}" if challenger else ""
    return replace(
        ROW, champion=champion, challenger=challenger, share=0.5, trial=trial, artefacts=named
    )


def test_scores_are_those_of_the_formula(models: dict[int, Model]) -> None:
    rows = [[0.1, 0.2, 0.3], [-1.0, 0.0, 2.0]]
    expected = [1 / (1 + math.exp(-(sum(row) + 0.1))) for row in rows]
    assert models[1].scores(rows) == pytest.approx(expected, abs=1e-6)
    assert models[1].scores(rows[:1]) == pytest.approx(expected[:1], abs=1e-6)
    assert [models[1].label(score) for score in (0.4999, 0.5)] == [0, 1]


def test_a_score_that_is_not_finite_is_a_failure(models: dict[int, Model]) -> None:
    assert models[3].scores([[1.0, 0.0, 0.0]])
    with pytest.raises(ModelError, match="version 3 gives the score nan"):
        models[3].scores([[-1.0, 0.0, 0.0]])


def graph_of(inputs: list[object], nodes: list[object], outputs: list[object]) -> object:
    return helper.make_graph(nodes, "test", inputs, outputs)


def test_one_input_a_field_and_the_last_column_of_a_classifier(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = graph_of(
        [value("a", TensorProto.FLOAT, [None, 1]), value("n", TensorProto.INT64, [None])],
        [
            helper.make_node("Cast", ["n"], ["cast"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["cast", "one"], ["column"]),
            helper.make_node("Concat", ["column", "a"], ["probabilities"], axis=1),
        ],
        [value("probabilities", TensorProto.FLOAT, [None, 2])],
    )
    graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))  # type: ignore[attr-defined]
    described = Signature((Field("n", "long"), Field("a", "double")), OUTPUTS)
    model = load("m", 1, write_graph(tmp_path, graph, described), KEY)  # type: ignore[arg-type]
    assert model.scores([[7, 0.25], [8, 0.5]]) == [0.25, 0.5]


def test_a_missing_double_is_nan(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = graph_of(
        [value("features", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_node("IsNaN", ["features"], ["missing"]),
            helper.make_node("Cast", ["missing"], ["score"], to=TensorProto.FLOAT),
        ],
        [value("score", TensorProto.FLOAT, [None, 2])],
    )
    described = Signature((Field("a", "double"), Field("b", "double", required=False)), OUTPUTS)
    model = load("m", 1, write_graph(tmp_path, graph, described), KEY)  # type: ignore[arg-type]
    assert model.scores([[1.0, None], [1.0, 2.0]]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((Field("a", "double"),), "takes 3 columns"),
        ((Field("a", "string"), Field("b", "double"), Field("c", "double")), "for the string 'a'"),
        ((Field("a", "long", required=False),), "optional long 'a'"),
    ],
)
def test_a_model_that_does_not_fit_its_signature_is_refused(
    tmp_path: Path, fields: tuple[Field, ...], message: str
) -> None:
    value = helper.make_tensor_value_info
    graph = graph_of(
        [value("features", TensorProto.FLOAT, [None, 3])],
        [helper.make_node("Identity", ["features"], ["score"])],
        [value("score", TensorProto.FLOAT, [None, 3])],
    )
    folder = write_graph(tmp_path, graph, Signature(fields, OUTPUTS))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=message):
        load("m", 1, folder, KEY)


def test_a_changed_folder_is_refused(folders: dict[int, Path]) -> None:
    with pytest.raises(ArtefactError, match="not the file that was sealed"):
        load("m", 4, folders[4], KEY)


def test_a_version_that_stays_is_not_loaded_again(folders: dict[int, Path]) -> None:
    fleet = Fleet(KEY)
    fleet.follow([deployed(folders, 1)])
    before = fleet.services["m"]
    fleet.follow([replace(deployed(folders, 1, 2), revision=2)])
    during = fleet.services["m"]
    fleet.follow([replace(deployed(folders, 2), revision=3)])
    after = fleet.services["m"]
    assert during.champion is before.champion
    assert after.champion is during.challenger
    assert after.challenger is None
    # A request that began before keeps what it began with.
    assert before.champion.version == 1


def test_what_cannot_be_loaded_replaces_nothing(folders: dict[int, Path]) -> None:
    fleet = Fleet(KEY)
    fleet.follow([deployed(folders, 1)])
    fleet.follow([replace(deployed(folders, 4), revision=2)])
    assert fleet.services["m"].champion.version == 1
    assert "version 4" in fleet.errors["m"]
    fleet.follow([replace(deployed(folders, 1), revision=3)])
    assert fleet.errors == {}
    assert fleet.failures == 1


def test_a_fleet_is_ready_when_it_could_load_something(folders: dict[int, Path]) -> None:
    fleet = Fleet(KEY)
    assert not fleet.ready
    fleet.follow([])
    assert fleet.ready
    fleet.follow([deployed(folders, 4)])
    assert not fleet.ready
    fleet.follow([replace(deployed(folders, 1), model="other")])
    assert fleet.ready


def test_a_model_of_another_kind_is_passed_over_unless_it_replaces_one_that_answered(
    folders: dict[int, Path], tmp_path: Path
) -> None:
    tmp_path.joinpath("model.safetensors").write_bytes(save({"w": np.zeros(1)}))
    seal(tmp_path, "safetensors", Signature((Field("x", "double"),), OUTPUTS), {}, KEY)
    detector = deployed({**folders, 9: tmp_path}, 9)
    fleet = Fleet(KEY)
    fleet.follow([detector])
    assert (fleet.ready, fleet.errors, fleet.services, fleet.failures) == (True, {}, {}, 0)
    fleet.follow([replace(deployed({**folders, 9: tmp_path}, 1, 9), revision=2)])
    assert "kind safetensors" in fleet.errors["m"], "a challenger that cannot be asked is told"
    fleet.follow([replace(detector, revision=3)])
    assert "kind safetensors" in fleet.errors["m"]
    assert fleet.services["m"].champion.version == 1


keys = st.text(min_size=1, max_size=20)


@settings(max_examples=60)
@given(keys, st.floats(0, 1), st.booleans(), st.floats(-2, 2))
def test_every_request_is_answered_and_every_model_asked_is_on_record(
    models: dict[int, Model], key: str, share: float, shadow: bool, value: float
) -> None:
    split = Split("m/3", share, shadow)
    service = Service(ROW, models[1], models[3], split)
    found = router.answer(service, Request("i", key, [value, 0.0, 0.0]))
    arm = split.route(key).answers
    fails = value < -0.3
    assert found.error is None
    assert found.shadow is (split.route(key).shadow is not None)
    if arm is Arm.CHALLENGER and fails:
        failed, stands_in = found.records
        assert (failed.arm, failed.failed, failed.trial) == ("challenger", True, "m/3")
        assert (stands_in.arm, stands_in.failed, stands_in.trial) == ("champion", False, "")
        assert found.returned is stands_in
    else:
        assert found.records == (found.returned,)
        assert (found.returned.arm, found.returned.trial) == (arm.value, "m/3")
    if found.shadow:
        scored = router.shadow(service, Request("i", key, [value, 0.0, 0.0]))
        assert (scored.shadow, scored.arm, scored.failed) == (True, "challenger", fails)


def test_a_failing_row_fails_alone(models: dict[int, Model]) -> None:
    service = Service(ROW, models[3], None, None)
    rows = [Request(str(n), "k", [value, 0.0, 0.0]) for n, value in enumerate((1.0, -1.0, 2.0))]
    assert [found.returned.failed for found in router.answers(service, rows)] == [
        False,
        True,
        False,
    ]


def test_a_batch_scores_like_its_rows(models: dict[int, Model]) -> None:
    service = Service(ROW, models[1], None, None)
    rng = np.random.default_rng(0)
    rows = [Request(str(n), "k", rng.normal(size=3).tolist()) for n in range(50)]
    together = [found.returned.score for found in router.answers(service, rows)]
    assert together == [router.answer(service, row).returned.score for row in rows]


class Table:
    """Stands where PostgreSQL would: rows by id, and away when told so."""

    def __init__(self) -> None:
        self.rows: list[Prediction] = []
        self.away = threading.Event()
        self.poison = ""

    def add(self, predictions: list[Prediction]) -> int:
        if self.away.is_set():
            raise DatabaseError("away", "wait")
        if any(one.id == self.poison for one in predictions):
            raise psycopg.DataError("no")
        self.rows += [one for one in predictions if one not in self.rows]
        return len(predictions)

    def close(self) -> None:
        pass


def made(number: int) -> Prediction:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Prediction(str(number), "m", 1, "champion", "", "k", at, 0.1, False, 0.5, 1, False)


def test_a_journal_carries_everything_over_in_order(tmp_path: Path) -> None:
    table = Table()
    journal = Journal(tmp_path, table)  # type: ignore[arg-type]
    journal.start()
    for number in range(100):
        journal.append([made(2 * number), made(2 * number + 1)])
    journal.stop()
    assert [one.id for one in table.rows] == [str(number) for number in range(200)]
    assert (journal.recorded, journal.carried, journal.waiting_bytes) == (200, 200, 0)


def test_what_an_earlier_process_left_is_carried_over(tmp_path: Path) -> None:
    table = Table()
    table.away.set()
    first = Journal(tmp_path, table)  # type: ignore[arg-type]
    first.append([made(1)])
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path, table)  # type: ignore[arg-type]
    first.stop()  # nothing was started: as if it had been killed
    with next(tmp_path.glob("1.jsonl")).open("ab") as file:
        file.write(b'{"id": "cut of')
    table.away.clear()
    second = Journal(tmp_path, table)  # type: ignore[arg-type]
    assert second.waiting_bytes > 0
    second.append([made(2)])
    second.carry_over()
    assert table.rows == [made(1), made(2)]
    assert second.refused == 1
    assert second.waiting_bytes == 0
    assert (tmp_path / "refused.jsonl").read_bytes() == b'{"id": "cut of\n'
    second.stop()


def test_predictions_wait_while_the_database_is_away(tmp_path: Path) -> None:
    table = Table()
    table.away.set()
    journal = Journal(tmp_path, table)  # type: ignore[arg-type]
    journal.start()
    journal.append([made(1)])
    wait_until(lambda: journal.away, what="away", timeout=10, every=0.01)
    journal.append([made(2)])
    assert table.rows == []
    table.away.clear()
    wait_until(lambda: len(table.rows) == 2, what="both", timeout=20, every=0.01)
    journal.stop()


def test_a_row_that_is_refused_does_not_hold_up_the_others(tmp_path: Path) -> None:
    table = Table()
    table.poison = "1"
    journal = Journal(tmp_path, table)  # type: ignore[arg-type]
    journal.append([made(number) for number in range(3)])
    journal.carry_over()
    assert [one.id for one in table.rows] == ["0", "2"]
    assert journal.refused == 1
    assert b'"id":"1"' in (tmp_path / "refused.jsonl").read_bytes()
    journal.stop()


def test_what_does_not_fit_is_counted_and_never_raised(tmp_path: Path) -> None:
    table = Table()
    journal = Journal(tmp_path, table, limit=500)  # type: ignore[arg-type]
    for number in range(10):
        journal.append([made(number)])
    assert journal.recorded + journal.lost == 10
    assert journal.lost > 0
    journal.carry_over()
    assert len(table.rows) == journal.recorded
    journal.append([made(11)])
    assert journal.recorded == len(table.rows) + 1
    journal.stop()
