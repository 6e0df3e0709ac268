"""Who serves and the aliases agree, after every change and every crash between the two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from ml.rollout import change as rollout
from ml.rollout.deployment import DeploymentError, Deployments
from ml.store.artefact import ArtefactError
from ml.store.registry import Registry, RegistryError
from platform_assets.cli import models as cli
from platform_assets.core.settings import Settings

from .sealed_model import register, sealed_folder

BY = {"reason": "a test", "actor": "test"}


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return Registry(settings)


@pytest.fixture
def deployments(settings: Settings) -> Iterator[Deployments]:
    found = Deployments(settings)
    yield found
    found.close()


@pytest.fixture
def model(settings: Settings, tmp_path: Path) -> str:
    """A model with three versions that nobody serves yet."""
    name = f"m{uuid.uuid4().hex[:8]}"
    for n in (1, 2, 3):
        folder = sealed_folder(settings, tmp_path / str(n), n)
        register(settings, name, folder, metrics={"f1": n / 10, f"only_{n}": 1.0},
                 params={"depth": n, "seed": 7}, card=f"# Card of {n}",
                 tags={"weir/reason": f"reason {n}"})  # fmt: skip
    return name


@pytest.fixture
def on_trial(settings: Settings, model: str, deployments: Deployments) -> str:
    """Version 1 is champion, version 2 its challenger; aliases follow."""
    deployments.start(model, 1, **BY)
    deployments.try_challenger(model, 2, **BY)
    rollout.fix_aliases(settings, model)
    return model


def test_promotion_moves_deployment_and_aliases(settings, on_trial, registry):
    done = rollout.promote(settings, on_trial, **BY)
    assert (done.champion, done.challenger) == (2, None)
    assert registry.aliases(on_trial) == {"champion": 2}
    again = rollout.promote(settings, on_trial, version=2, **BY)
    assert again.revision == done.revision


def test_rejection_leaves_the_champion(settings, on_trial, registry):
    assert registry.aliases(on_trial) == {"champion": 1, "challenger": 2}
    rollout.reject(settings, on_trial, **BY)
    assert registry.aliases(on_trial) == {"champion": 1}
    with pytest.raises(DeploymentError):
        rollout.reject(settings, on_trial, **BY)


def test_roll_back_returns_to_the_last_champion(settings, on_trial, registry):
    rollout.promote(settings, on_trial, **BY)
    assert rollout.roll_back(settings, on_trial, **BY).champion == 1
    assert registry.aliases(on_trial) == {"champion": 1}
    with pytest.raises(DeploymentError):
        rollout.roll_back(settings, on_trial, to=3, **BY)


def test_a_version_outside_the_trial_is_promoted_through_one(
    settings, on_trial, registry, deployments
):
    assert rollout.promote(settings, on_trial, version=3, **BY).champion == 3
    assert registry.aliases(on_trial) == {"champion": 3}
    told = [(row.champion, row.challenger) for row in deployments.history(on_trial)]
    assert told == [(3, None), (1, 3), (1, None), (1, 2), (1, None)]
    assert rollout.roll_back(settings, on_trial, **BY).champion == 1


def test_a_version_that_is_not_there_ends_no_trial(settings, on_trial, deployments):
    before = deployments.current(on_trial)
    with pytest.raises(RegistryError):
        rollout.promote(settings, on_trial, version=9, **BY)
    assert deployments.current(on_trial) == before


def test_a_version_whose_files_were_changed_is_not_promoted(
    settings, on_trial, registry, deployments
):
    file = registry.get(on_trial, 3).artefact / "model.safetensors"
    file.write_bytes(file.read_bytes() + b"x")
    before = deployments.current(on_trial)
    with pytest.raises(ArtefactError):
        rollout.promote(settings, on_trial, version=3, **BY)
    assert deployments.current(on_trial) == before


def test_the_first_champion_starts_a_model(settings, model, registry):
    with pytest.raises(DeploymentError):
        rollout.promote(settings, model, **BY)
    assert rollout.promote(settings, model, version=2, **BY).champion == 2
    assert registry.aliases(model) == {"champion": 2}


CRASH = """
import os, sys
from ml.rollout import change as rollout
from platform_assets.core.settings import get_settings
rollout.fix_aliases = lambda *_: os._exit(9)
rollout.promote(get_settings(), sys.argv[1], reason="a test", actor="test")
"""


def test_a_crash_before_the_aliases_is_fixed_at_the_next_call(
    settings, on_trial, registry, deployments
):
    done = subprocess.run(
        [sys.executable, "-c", CRASH, on_trial], env=os.environ, timeout=120, check=False
    )
    assert done.returncode == 9
    now = deployments.current(on_trial)
    assert now is not None
    assert (now.champion, now.challenger) == (2, None)
    assert registry.aliases(on_trial) == {"champion": 1, "challenger": 2}
    rollout.fix_aliases(settings, on_trial)
    assert registry.aliases(on_trial) == {"champion": 2}


def test_a_registry_that_is_away_does_not_stop_a_roll_back(settings, on_trial, deployments):
    rollout.promote(settings, on_trial, **BY)
    away = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})
    with pytest.raises(RegistryError, match="version 1 is champion now, but"):
        rollout.roll_back(away, on_trial, **BY)
    now = deployments.current(on_trial)
    assert now is not None
    assert now.champion == 1


Weir = Callable[..., str]


@pytest.fixture
def weir(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Weir:
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> str:
        app = Typer()
        cli.register(app)
        app.callback()(lambda: None)
        done = CliRunner().invoke(app, ["models", *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return str(done.output)

    return run


def found(weir: Weir, *words: str) -> Any:
    return json.loads(weir(*words, "--json"))


def test_list_tells_versions_aliases_data_and_why(weir, on_trial):
    text = weir("list", on_trial)
    for word in ("champion", "challenger", "1,200 until 2026-03-02", "f1 0.3", "reason 3"):
        assert word in text
    rows = found(weir, "list", on_trial)
    assert [(row["version"], row["aliases"]) for row in rows] == [
        (3, []), (2, ["challenger"]), (1, ["champion"]),
    ]  # fmt: skip
    assert rows[0]["dataset"]["table"] == "features.commerce.user_features"
    assert on_trial in weir("list")


def test_show_gives_card_lineage_and_history(weir, on_trial):
    text = weir("show", on_trial, "2")
    for word in ("# Card of 2", "features.commerce.user_features, version 7", "reason 2", "depth"):
        assert word in text
    assert "version 1 is champion, version 2 serves 0.05 of the keys  (test: a test)" in text


def test_compare_tells_what_differs(weir, on_trial):
    told = found(weir, "compare", on_trial)
    assert told["metrics"]["f1"] == {"a": 0.1, "b": 0.2, "difference": pytest.approx(0.1)}
    assert told["metrics"]["only_1"] == {"a": 1.0, "b": None, "difference": None}
    assert told["params"] == {"depth": {"a": "1", "b": "2"}}
    assert told["dataset"] == {}
    assert told["trial"]["verdict"] == "continue"
    assert [row["name"] for row in told["trial"]["evidence"]] == ["outcome", "errors", "latency"]
    text = weir("compare", on_trial, "1", "3")
    for word in ("depth", "+0.2", "the same data set", "the trial: continue"):
        assert word in text


def test_promote_and_rollback_by_hand(weir, on_trial, deployments):
    before = deployments.current(on_trial)
    text = weir("promote", on_trial, "challenger", "--dry-run")
    assert "version 2 would serve instead of version 1" in text
    assert deployments.current(on_trial) == before
    assert "version 2 serves" in weir("promote", on_trial, "2", "--reason", "won")
    now = deployments.current(on_trial)
    assert (now.champion, now.reason) == (2, "won")
    assert now.actor.startswith("cli:")
    assert "version 1 would serve" in weir("rollback", on_trial, "--dry-run")
    assert deployments.current(on_trial) == now
    assert "version 1 serves instead of version 2" in weir("rollback", on_trial)
    with pytest.raises(DeploymentError, match="not an earlier champion"):
        weir("rollback", on_trial, "--to", "3", "--dry-run")


def test_share_and_shadow_change_a_running_trial(weir, on_trial, deployments):
    weir("share", on_trial, "0.2")
    weir("shadow", on_trial, "on")
    now = deployments.current(on_trial)
    assert (now.share, now.shadow) == (0.2, True)
    weir("shadow", on_trial, "off")
    weir("share", on_trial, "0.1")
    now = deployments.current(on_trial)
    assert (now.share, now.shadow) == (0.1, False)
    assert "the trial of version 2 ended" in weir("reject", on_trial)
    with pytest.raises(Exception, match="no version is on trial"):
        weir("share", on_trial, "0.2")


def test_a_version_is_tried_by_hand_and_manifests_tell_of_it(weir, on_trial, deployments, tmp_path):
    weir("reject", on_trial)
    text = weir("try", on_trial, "3", "--share", "0.1", "--reason", "a release")
    assert "version 3 is on trial against 1, 0.1 of the keys" in text
    now = deployments.current(on_trial)
    assert (now.champion, now.challenger, now.share, now.reason) == (1, 3, 0.1, "a release")
    with pytest.raises(DeploymentError, match="version 3 is on trial"):
        weir("try", on_trial, "2")
    told = weir("manifest", on_trial, "--folder", str(tmp_path)).splitlines()
    names = [f"{on_trial}-1-champion.yaml", f"{on_trial}-2-challenger.yaml"]
    assert told == [f"kubectl apply -f {tmp_path / name}" for name in names]
    assert "canaryTrafficPercent: 10" in (tmp_path / names[1]).read_text()
    assert "no day of" in weir("drift", on_trial)


@pytest.mark.parametrize(
    "words", [("show", "nothing"), ("promote", "nothing", "1"), ("rollback", "nothing"),
              ("share", "nothing", "0.5"), ("compare", "nothing"), ("list", "nothing")]
)  # fmt: skip
def test_a_wrong_name_is_an_error_that_lists_what_there_is(weir, on_trial, words):
    with pytest.raises(Exception, match=f"no model 'nothing'.*{on_trial}"):
        weir(*words)
