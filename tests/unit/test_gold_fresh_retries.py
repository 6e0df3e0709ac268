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
    """One step of the models ``a`` and ``b``."""
    node = {
        "resource_type": "model", "tags": ["fresh"], "config": {"topics": ["shop_orders"]},
    }  # fmt: skip
    nodes = {name: {**node, "name": name} for name in ("a", "b")}
    monkeypatch.setattr(fresh, "load_manifest", lambda: {"nodes": nodes})
    monkeypatch.setattr(fresh.FreshGold, "_start", lambda self: dbt)
    made = fresh.FreshGold(Settings(home=home))
    return made.step({"shop_orders": ["2026-03-01"]})  # type: ignore[list-item]


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
