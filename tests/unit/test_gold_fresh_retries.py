"""A fresh step rides out a catalog that PostgreSQL's restart took away, for a bounded time."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from platform_assets.core.settings import Settings
from platform_assets.gold import fresh

AWAY = [
    'TrinoQueryError(type=INTERNAL_ERROR, message="Cannot check and eventually update SQL schema")',
    'TrinoExternalError(name=ICEBERG_CATALOG_ERROR, message="This connection has been closed.")',
    "FATAL: the database system is starting up",
    "FATAL: terminating connection due to administrator command",
]


class Dbt:
    """dbt's runner, whose answers are given: for each call, each model's error or an empty text."""

    def __init__(self, *answers: dict[str, str]) -> None:
        self.answers = list(answers)
        self.calls: list[list[str]] = []

    def invoke(self, words: list[str]) -> Any:
        """One `dbt run`; the last answer is given for ever."""
        self.calls.append(words[words.index("--select") + 1].split())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        results = [
            SimpleNamespace(
                status="error" if message else "success",
                message=message,
                node=SimpleNamespace(name=name),
                adapter_response={"rows_affected": 1},
            )
            for name, message in answer.items()
        ]
        return SimpleNamespace(
            result=SimpleNamespace(results=results),
            success=not any(answer.values()),
            exception=None,
        )


def step(dbt: Dbt, home: Path, monkeypatch: pytest.MonkeyPatch) -> fresh.StepResult:
    """One step of the models ``a`` and ``b``; raises what fails."""
    days: Any = ["2026-03-01"]
    return made(dbt, home, monkeypatch).step({"shop_orders": days})


def step_each(dbt: Dbt, home: Path, monkeypatch: pytest.MonkeyPatch) -> fresh.StepResult:
    """The same, with what fails in the result."""
    days: Any = ["2026-03-01"]
    return made(dbt, home, monkeypatch).step_each({"shop_orders": days})


def made(dbt: Dbt, home: Path, monkeypatch: pytest.MonkeyPatch) -> fresh.FreshGold:
    """Fresh gold of the models ``a`` and ``b`` over a given dbt."""
    node = {
        "resource_type": "model", "tags": ["fresh"], "config": {"topics": ["shop_orders"]},
    }  # fmt: skip
    nodes = {name: {**node, "name": name} for name in ("a", "b")}
    monkeypatch.setattr(fresh, "load_manifest", lambda: {"nodes": nodes})
    monkeypatch.setattr(fresh.FreshGold, "_start", lambda self: dbt)
    return fresh.FreshGold(Settings(home=home))


@pytest.mark.parametrize("message", AWAY, ids=["schema", "closed", "starting", "terminated"])
def test_what_failed_is_tried_again_and_what_was_done_is_not(
    message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dbt = Dbt({"a": "", "b": message}, {"b": message}, {"b": ""})
    result = step(dbt, tmp_path, monkeypatch)
    assert result.rows == {"a": 1, "b": 1}
    assert dbt.calls == [["a", "b"], ["b"], ["b"]]


def test_a_catalog_that_stays_away_is_named_after_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "CATALOG_SECONDS", 0.3)
    dbt = Dbt({"a": AWAY[0], "b": AWAY[0]})
    began = time.monotonic()
    with pytest.raises(fresh.CatalogAwayError, match="SQL schema"):
        step(dbt, tmp_path, monkeypatch)
    assert time.monotonic() - began < 60


def test_any_other_fault_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dbt = Dbt({"a": "", "b": "Value cannot be cast to decimal(18,4)"})
    with pytest.raises(fresh.FreshGoldError, match="cannot be cast"):
        step(dbt, tmp_path, monkeypatch)
    assert len(dbt.calls) == 1


def test_a_model_that_fails_holds_back_itself_and_what_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "Value cannot be cast to decimal(18,4)"
    result = step_each(Dbt({"a": "", "b": message}), tmp_path, monkeypatch)
    assert result.models == ("a",)
    assert {name: error.reason for name, error in result.failed.items()} == {"b": message}


def test_a_conflict_beside_a_fault_is_still_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dbt = Dbt({"a": "commit failed", "b": "cannot cast"}, {"a": ""})
    result = step_each(dbt, tmp_path, monkeypatch)
    assert result.models == ("a",)
    assert set(result.failed) == {"b"}
    assert dbt.calls == [["a", "b"], ["a"]]


def test_a_conflict_that_stays_holds_back_its_model_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = step_each(
        Dbt({"a": "", "b": "commit failed"}, {"b": "commit failed"}), tmp_path, monkeypatch
    )
    assert result.models == ("a",)
    assert isinstance(result.failed["b"], fresh.CommitConflictError)
