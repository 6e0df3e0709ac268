"""A fresh step rides out a catalog that PostgreSQL's restart took away, for a bounded time."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from platform_assets.core.settings import Settings
from platform_assets.core.trino import Result, TrinoQueryError
from platform_assets.gold import failures, fresh
from platform_assets.gold.statements import Statement

AWAY = [
    'TrinoQueryError(type=INTERNAL_ERROR, message="Cannot check and eventually update SQL schema")',
    'TrinoExternalError(name=ICEBERG_CATALOG_ERROR, message="This connection has been closed.")',
    "FATAL: the database system is starting up",
    "FATAL: terminating connection due to administrator command",
]


class Trino:
    """Trino, whose answers are given: each model's error or nothing, for one run after another."""

    def __init__(self, *answers: dict[str, str]) -> None:
        self.answers = answers
        self.calls: Counter[str] = Counter()

    def execute(self, _settings: Settings, sql: str, **_options: Any) -> Result:
        """Run the statement of a model; its last answer is given for ever."""
        name = sql.rpartition(" ")[2]
        answer = self.answers[min(self.calls[name], len(self.answers) - 1)]
        self.calls[name] += 1
        if message := answer.get(name, ""):
            raise TrinoQueryError(message, "GENERIC_INTERNAL_ERROR")
        return Result(("rows",), ("bigint",), [(1,)])


def step(trino: Trino, home: Path, monkeypatch: pytest.MonkeyPatch) -> fresh.StepResult:
    """One step of the models ``a`` and ``b``; raises what fails."""
    days: Any = ["2026-03-01"]
    return made(trino, home, monkeypatch).step({"shop_orders": days})


def step_each(trino: Trino, home: Path, monkeypatch: pytest.MonkeyPatch) -> fresh.StepResult:
    """The same, with what fails in the result."""
    days: Any = ["2026-03-01"]
    return made(trino, home, monkeypatch).step_each({"shop_orders": days})


def made(trino: Trino, home: Path, monkeypatch: pytest.MonkeyPatch) -> fresh.FreshGold:
    """Fresh gold of the models ``a``, ``b`` and ``c``, which reads ``b``, over a given Trino."""
    node = {
        "resource_type": "model", "tags": ["fresh"], "config": {"topics": ["shop_orders"]},
    }  # fmt: skip
    reads: dict[str, list[str]] = {"a": [], "b": [], "c": ["b"]}
    nodes = {
        name: {**node, "name": name, "depends_on": {"nodes": above}}
        for name, above in reads.items()
    }
    statements = {name: Statement(f"merge into {name}", {}) for name in nodes}
    monkeypatch.setattr(fresh, "load_manifest", lambda: {"nodes": nodes})
    monkeypatch.setattr(fresh, "execute", trino.execute)
    monkeypatch.setattr(fresh.FreshGold, "_start", lambda self: None)
    monkeypatch.setattr(fresh, "render", lambda *_given: statements)
    return fresh.FreshGold(Settings(home=home))


@pytest.mark.parametrize("message", AWAY, ids=["schema", "closed", "starting", "terminated"])
def test_what_failed_is_tried_again_and_what_was_done_is_not(
    message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trino = Trino({"b": message}, {"b": message}, {})
    result = step(trino, tmp_path, monkeypatch)
    assert result.rows == {"a": 1, "b": 1, "c": 1}
    assert trino.calls == {"a": 1, "b": 3, "c": 1}


def test_a_catalog_that_stays_away_is_named_after_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "CATALOG_SECONDS", 0.3)
    trino = Trino({"a": AWAY[0], "b": AWAY[0]})
    began = time.monotonic()
    with pytest.raises(failures.CatalogAwayError, match="SQL schema"):
        step(trino, tmp_path, monkeypatch)
    assert time.monotonic() - began < 60


def test_any_other_fault_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trino = Trino({"b": "Value cannot be cast to decimal(18,4)"})
    with pytest.raises(failures.FreshGoldError, match="cannot be cast"):
        step(trino, tmp_path, monkeypatch)
    assert trino.calls == {"a": 1, "b": 1}


def test_a_model_that_fails_holds_back_itself_and_what_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "Value cannot be cast to decimal(18,4)"
    result = step_each(Trino({"b": message}), tmp_path, monkeypatch)
    assert result.models == ("a",)
    reason = f"GENERIC_INTERNAL_ERROR: {message}"
    assert {name: error.reason for name, error in result.failed.items()} == {
        "b": reason,
        "c": f"waits for b: {reason}",
    }


def test_a_conflict_beside_a_fault_is_still_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trino = Trino({"a": "commit failed", "b": "cannot cast"}, {})
    result = step_each(trino, tmp_path, monkeypatch)
    assert result.models == ("a",)
    assert set(result.failed) == {"b", "c"}
    assert trino.calls == {"a": 2, "b": 1}


def test_a_conflict_that_stays_holds_back_its_model_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = step_each(Trino({"b": "commit failed"}), tmp_path, monkeypatch)
    assert result.models == ("a",)
    assert isinstance(result.failed["b"], failures.CommitConflictError)
