"""Trials on the real database: verdicts, who carries them out, and what a crash leaves behind."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ml.canary.sequential import Rules, Verdict
from ml.trials import evidence
from ml.trials.guard import Guard
from ml.trials.judge import Finding, Judge, TrialError, begun
from ml.trials.replay import Terms
from ml.trials.store import Case, Kind
from platform_assets.core.databases import DatabaseError, connect
from platform_assets.core.settings import Settings
from tests.integration.trial_scene import Scene, sealed
from tests.traffic import ArmIs, arrays, ids_at, write


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    model = f"m{uuid.uuid4().hex[:8]}"
    for number in (1, 2, 3):
        sealed(settings, tmp_path / model / str(number))
    made = Scene(settings, tmp_path, model)
    yield made
    made.close()


def test_a_better_challenger_becomes_champion(scene: Scene) -> None:
    scene.traffic(ArmIs(right=0.95), seconds=900)
    finding = scene.look()
    assert finding.verdict is Verdict.PROMOTE
    assert (scene.now.champion, scene.now.challenger) == (2, None)
    assert scene.now.reason.startswith("version 2, trial: outcomes are better")
    assert scene.followed == [scene.model]
    case = scene.judge.cases.find(scene.model, Kind.TRIAL, finding.case.revision)
    assert case is not None
    assert case.acted_at is not None
    assert case.evidence == finding.evidence
    assert case.terms["level"] == pytest.approx(ArmIs().f1)
    # The new champion is on probation now.
    assert [found.kind for found in scene.judge.running(scene.model)] == [Kind.PROBATION]


def test_an_equal_challenger_stays_on_trial(scene: Scene) -> None:
    scene.traffic(ArmIs())
    assert scene.look().verdict is Verdict.CONTINUE
    assert scene.now.challenger == 2
    decision = evidence(scene.settings, scene.model)
    assert decision is not None
    assert decision.verdict is Verdict.CONTINUE


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        (ArmIs(right=0.97, failures=1.0), "error rate"),
        (ArmIs(right=0.97, slower=4.0), "p95 latency"),
        (ArmIs(right=0.6), "outcomes are worse"),
    ],
)
def test_a_challenger_that_harms_is_rolled_back(scene: Scene, arm: ArmIs, reason: str) -> None:
    scene.traffic(arm, seconds=300)
    finding = scene.look()
    assert finding.verdict is Verdict.ROLL_BACK
    assert reason in finding.reason
    assert (scene.now.champion, scene.now.challenger) == (1, None)
    assert scene.judge.cases.rolled_back(scene.model, 2)
    assert not scene.judge.judge(scene.model, "test"), "it is not tried again by itself"


def test_a_trial_that_shows_nothing_ends(scene: Scene) -> None:
    [case] = begun(scene.deployments.history(scene.model), scene.clock())
    terms = Terms(rules=Rules(labels=300), level=ArmIs().f1)
    scene.judge.cases.open(Case(**{**vars(case), "terms": terms.to_json()}))
    scene.traffic(ArmIs(), seconds=60)
    finding = scene.look()
    assert finding.verdict is Verdict.REJECT
    assert finding.reason.startswith("300 labels, and not shown yet")
    assert (scene.now.champion, scene.now.challenger) == (1, None)
    assert not scene.judge.cases.rolled_back(scene.model, 2)


def test_a_verdict_is_a_function_of_the_rows_whoever_looks(scene: Scene) -> None:
    scene.traffic(ArmIs(right=0.9), seconds=600)
    [case] = scene.judge.running(scene.model)
    at_end = scene.judge.look(case)
    for minutes in range(1, 10):
        scene.ahead = timedelta(minutes=minutes)
        scene.judge.look(case)
    scene.ahead = timedelta(hours=1)
    assert scene.judge.look(case) == at_end


def test_two_judges_at_once_act_once(scene: Scene) -> None:
    scene.traffic(ArmIs(failures=1.0), seconds=60)
    judges = [scene.judged() for _ in range(4)]
    together = threading.Barrier(len(judges))
    findings: list[Finding] = []

    def run(judge: Judge) -> None:
        together.wait(30)
        findings.extend(judge.judge(scene.model, "test"))

    threads = [threading.Thread(target=run, args=(judge,)) for judge in judges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(finding.changed is not None for finding in findings) == 1
    assert len(scene.deployments.history(scene.model)) == 3
    for judge in judges:
        judge.cases.close()
        judge.rows.close()


@pytest.mark.parametrize("step", ["verdict", "aliases"])
def test_what_a_crash_left_is_finished_at_the_next_look(scene: Scene, step: str) -> None:
    scene.traffic(ArmIs(failures=1.0), seconds=60)
    if step == "verdict":
        [case] = scene.judge.running(scene.model)
        found = scene.judge.look(case)
        scene.judge.cases.decide(case, found.verdict, found.reason, found.evidence, "died")
    else:
        scene.crash = True
        with pytest.raises(RuntimeError, match="killed"):
            scene.look()
        scene.crash = False
    assert len(scene.judge.cases.unfinished(scene.model)) == 1
    [finished] = scene.judge.judge(scene.model, "test")
    assert finished.verdict is Verdict.ROLL_BACK
    assert (scene.now.champion, scene.now.challenger) == (1, None)
    assert len(scene.deployments.history(scene.model)) == 3
    assert not scene.judge.judge(scene.model, "test")
    assert scene.followed == [scene.model]
    assert not scene.judge.cases.unfinished(scene.model)


def test_a_verdict_does_not_hit_the_trial_that_came_after(scene: Scene) -> None:
    scene.traffic(ArmIs(failures=1.0), seconds=60)
    [case] = scene.judge.running(scene.model)
    found = scene.judge.look(case)
    scene.deployments.end_trial(scene.model, reason="by hand", actor="test")
    scene.try_out(3)
    assert scene.judge.settle(found, "late").changed is None
    assert scene.now.challenger == 3


def test_a_trial_by_hand_of_the_same_version_begins_anew(scene: Scene) -> None:
    scene.traffic(ArmIs(failures=1.0), seconds=60)
    scene.look()
    later = scene.try_out(2)
    with connect(scene.settings, "models") as connection:
        # As if it began two hours later than it did.
        connection.execute(
            "UPDATE deployments SET changed_at = changed_at + interval '2 hours'"
            " WHERE model = %s AND revision = %s",
            (scene.model, later.revision),
        )
    scene.began = later.changed_at + timedelta(hours=2)
    scene.deployments.set_share(scene.model, 0.3, reason="slowly", actor="test")
    [case] = scene.judge.running(scene.model)
    assert case.revision == later.revision
    assert case.verdict is None
    scene.traffic(ArmIs(), seconds=60)
    assert scene.look().evidence["requests"] == 1200


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        (ArmIs(failures=0.5), "error rate"),
        (ArmIs(slower=5.0), "p95 latency"),
        (ArmIs(right=0.4), "f1 on labels"),
    ],
)
def test_a_fresh_champion_that_breaks_is_rolled_back_for_good(
    scene: Scene, arm: ArmIs, reason: str
) -> None:
    before = scene.began - timedelta(hours=1)
    scene.serve(1, ArmIs(), before, seconds=600, rate=2)
    promoted = scene.deployments.promote(scene.model, reason="by hand", actor="test")
    scene.serve(2, arm, promoted.changed_at, seconds=3700, rate=0.5)
    scene.ahead = timedelta(hours=2)
    finding = scene.look()
    assert finding.verdict is Verdict.ROLL_BACK
    assert reason in finding.reason
    assert scene.now.champion == 1
    assert not scene.judge.running(scene.model), "who was returned to is not on probation"
    scene.serve(1, ArmIs(failures=1.0), scene.now.changed_at, seconds=60)
    assert not scene.judge.judge(scene.model, "test")
    assert scene.now.champion == 1


def test_the_guard_finds_failures_and_latency_as_the_judge_does(scene: Scene) -> None:
    guard = Guard(scene.judge.rows, scene.clock)
    [case] = scene.judge.running(scene.model)
    scene.traffic(ArmIs(right=0.95), seconds=120)
    scene.ahead = timedelta(seconds=125)
    assert guard.look(case).verdict is Verdict.CONTINUE
    scene.traffic(ArmIs(failures=0.5), seed=2, after=120, seconds=120)
    found = []
    for second in range(130, 260, 10):
        scene.ahead = timedelta(seconds=second)
        found.append(guard.look(case).verdict)
    assert found[0] is Verdict.CONTINUE
    assert found[-1] is Verdict.ROLL_BACK
    assert scene.judge.look(case).verdict is not Verdict.CONTINUE
    guard.forget([])
    assert guard.look(case).verdict is Verdict.ROLL_BACK, "a guard without memory reads all anew"


def test_rows_that_come_late_are_judged_too(scene: Scene) -> None:
    guard = Guard(scene.judge.rows, scene.clock)
    [case] = scene.judge.running(scene.model)
    scene.traffic(ArmIs(), seconds=60)
    assert guard.look(case).verdict is Verdict.CONTINUE
    # A server kept them on its disk; they are older than what was read.
    scene.traffic(ArmIs(failures=1.0), seed=3, after=1.0, seconds=50)
    assert guard.look(case).verdict is Verdict.ROLL_BACK
    assert guard.look(case).evidence == Guard(scene.judge.rows, scene.clock).look(case).evidence


def test_pages_do_not_show_in_the_decision(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.traffic(ArmIs(right=0.9), seconds=300)
    [case] = scene.judge.running(scene.model)
    whole = scene.judge.look(case)
    monkeypatch.setattr("ml.trials.rows.PAGE", 70)  # less than a window holds
    assert scene.judge.look(case) == whole


def test_a_key_counts_once_and_labels_wait_for_their_delay(
    settings: Settings, tmp_path: Path
) -> None:
    model = f"m{uuid.uuid4().hex[:8]}"
    sealed(settings, tmp_path / model / "1", label_delay_seconds=1800)
    sealed(settings, tmp_path / model / "2")
    scene = Scene(settings, tmp_path, model)
    requests, outcomes = arrays(1, seconds=600, rate=1)
    keys = [f"user-{number % 50}" for number in range(len(requests.at))]
    write(scene.log, model, (1, 2), scene.began, requests, outcomes, keys=keys)
    scene.ahead = timedelta(seconds=1700)
    assert scene.look().evidence["outcomes"] == 0
    [case] = scene.judge.running(model)
    assert scene.judge.labels(case) == 0, "a label that does not count yet asks for a look"
    scene.ahead = timedelta(seconds=1850)
    some = scene.look().evidence["outcomes"]
    assert scene.judge.labels(case) > 0
    scene.ahead = timedelta(hours=2)
    assert 0 < some < scene.look().evidence["outcomes"] == 50
    scene.close()


def test_in_the_shadow_both_answers_to_a_request_are_compared(scene: Scene) -> None:
    from ml.serving.log import Prediction

    ids = ids_at(scene.began, np.arange(400.0))
    rng = np.random.default_rng(1)
    rows, known = [], []
    for number, id_ in enumerate(ids):
        at = scene.began + timedelta(seconds=number)
        actual = int(rng.random() < 0.3)
        shadowed = number % 2 == 0
        for arm in ("champion", "challenger")[: 1 + shadowed]:
            wrong = arm == "champion" and rng.random() < 0.2
            rows.append(
                Prediction(
                    id_, scene.model, 1 + (arm == "challenger"), arm, f"{scene.model}/2",
                    f"k{number}", at, 0.01, False, 0.5, actual ^ wrong, arm == "challenger",
                )
            )  # fmt: skip
        known.append((id_, actual, at))
    scene.log.add(rows)
    scene.log.add_outcomes(known)
    [case] = scene.judge.running(scene.model)
    outcome, errors, _ = scene.judge.look(case).evidence["quantities"]
    assert outcome["n"] == [200, 200]
    assert outcome["good"] > np.log(20)
    assert errors["n"] == [400, 200]


def test_an_artefact_that_names_no_metric_is_told(settings: Settings, tmp_path: Path) -> None:
    model = f"m{uuid.uuid4().hex[:8]}"
    sealed(settings, tmp_path / model / "1", validation={})
    sealed(settings, tmp_path / model / "2")
    scene = Scene(settings, tmp_path, model)
    with pytest.raises(TrialError, match="version 1: its artefact has no validation"):
        scene.look()
    scene.close()


def test_without_postgresql_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", "s3cret")
    with pytest.raises(DatabaseError, match=r"weir up") as raised:
        evidence(Settings(postgres_port=9), "purchase")
    assert "s3cret" not in str(raised.value)


def test_terms_stay_as_they_were_when_the_trial_began(scene: Scene) -> None:
    [case] = scene.judge.running(scene.model)
    other = Case(**{**vars(case), "terms": {"level": 0.1}})
    assert scene.judge.cases.open(other).terms == case.terms
