"""The registry's quick laws: what it costs to import, code versions, comparisons."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from ml.canary.sequential import Bounds, Decision, Verdict
from ml.store import code_version
from ml.store.comparison import compare_versions
from ml.store.registry import DatasetRef, Version

DATA = DatasetRef("features", 7, 100, "ab", "2026-03-02")


def version(number: int, **changes: object) -> Version:
    values: dict[str, object] = {
        "model": "purchase", "number": number, "aliases": (), "run_id": "r", "metrics": {},
        "created_at": datetime(2026, 3, 2, tzinfo=UTC), "params": {}, "tags": {}, "dataset": DATA,
        "code_version": "abc", "artefact": Path("/x"), "card": "", **changes,
    }  # fmt: skip
    return Version(**values)  # type: ignore[arg-type]


def test_registry_rollout_and_commands_import_nothing_heavy():
    script = (
        "import sys, ml.store.registry, ml.rollout.change, platform_assets.cli.models; "
        "print(sorted({'mlflow', 'skops', 'sklearn', 'torch', 'dagster'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@localhost", *words],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_checkout_gives_its_commit_and_whether_files_were_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(code_version, "REPOSITORY", tmp_path)
    assert code_version.code_version().startswith("weir ")
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("2")
    assert code_version.code_version() == commit
    (tmp_path / "a.py").write_text("2")
    assert code_version.code_version() == f"{commit}-dirty"


def test_a_repository_around_an_installed_package_is_not_its_checkout(tmp_path, monkeypatch):
    git(tmp_path, "init", "-q")
    (tmp_path / "site-packages").mkdir()
    monkeypatch.setattr(code_version, "REPOSITORY", tmp_path / "site-packages")
    assert code_version.code_version().startswith("weir ")


def test_a_comparison_tells_what_differs_and_nothing_else():
    nan = float("nan")
    evidence = Decision(
        Verdict.CONTINUE, "early", (Bounds("latency", nan, 0.5, float("inf"), nan, nan, (9, 1)),)
    )
    a = version(1, metrics={"f1": 0.5, "old": 1.0}, params={"depth": "3", "seed": "7"})
    b = version(
        2, metrics={"f1": 0.75, "new": 2.0}, params={"depth": "4", "seed": "7"},
        dataset=DatasetRef("features", 8, 100, "ab", "2026-03-02"),
    )  # fmt: skip
    found = compare_versions(a, b, evidence)
    assert found.metrics == {
        "f1": (0.5, 0.75, 0.25), "new": (None, 2.0, None), "old": (1.0, None, None),
    }  # fmt: skip
    assert found.params == {"depth": ("3", "4")}
    assert found.dataset == {"version": (7, 8)}
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["trial"]["evidence"][0]["upper"] is None
    assert told["trial"]["evidence"][0]["lower"] == 0.5
    assert compare_versions(a, a, None).to_json()["trial"] is None


def test_versions_without_a_data_set_can_be_compared():
    found = compare_versions(version(1, dataset=None), version(2), None)
    assert found.dataset["table"] == (None, "features")
