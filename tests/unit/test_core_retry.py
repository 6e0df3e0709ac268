"""The retry policy: bounded, random, and only for what may pass."""

import ast
import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.retry import Retry
from platform_assets.core.settings import REPOSITORY


class PassingError(Exception):
    def __init__(self, after: float = 0.0) -> None:
        super().__init__()
        self.after = after


def always(error: Exception) -> None:
    raise error


@given(
    attempts=st.integers(1, 8), pause=st.floats(0.01, 5), longest=st.floats(0.01, 20),
    asked=st.floats(0, 100),
)  # fmt: skip
def test_attempts_and_pauses_are_bounded(
    attempts: int, pause: float, longest: float, asked: float
) -> None:
    waits: list[float] = []
    told: list[BaseException] = []
    retrying = Retry(attempts, pause=pause, longest=longest).on(
        PassingError,
        asked=lambda error: error.after,
        before_pause=told.append,  # type: ignore[attr-defined]
    )
    with pytest.raises(PassingError):
        retrying.copy(sleep=waits.append)(always, PassingError(asked))
    assert len(waits) == len(told) == attempts - 1
    for number, wait in enumerate(waits):
        assert min(asked, longest) <= wait <= min(asked + pause * 2**number, longest) + 1e-9


def test_the_first_pause_may_be_anything_below_its_bound() -> None:
    waits: list[float] = []
    for _ in range(300):
        with pytest.raises(PassingError):
            Retry(2, pause=1.0).on(PassingError).copy(sleep=waits.append)(always, PassingError())
    # Full jitter: uniform from nothing on. The chance of a miss is below 1e-9.
    assert min(waits) < 0.1
    assert max(waits) > 0.9


def test_an_error_that_does_not_pass_leaves_at_once() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        Retry(5).on(PassingError)(call)
    with pytest.raises(KeyError):
        Retry(5).on(lambda error: isinstance(error, PassingError))(call)
    assert len(calls) == 2


def test_coroutines_are_retried_too() -> None:
    calls: list[int] = []

    async def call() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise PassingError
        return 7

    async def main() -> int:
        async for attempt in Retry(3, pause=0.001).on_async(PassingError):
            with attempt:
                return await call()
        raise AssertionError

    assert asyncio.run(main()) == 7


def test_a_policy_without_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="bounded"):
        Retry(None)


def test_one_module_knows_how_to_retry() -> None:
    folders = [REPOSITORY / name for name in ("platform_assets", "ml", "reports", "sensors")]
    importers = {
        str(path.relative_to(REPOSITORY))
        for folder in folders
        for path in folder.rglob("*.py")
        if "tenacity" in _imports(path)
    }
    assert importers == {"platform_assets/core/retry.py"}
    policies = {
        path.name
        for folder in folders
        for path in folder.rglob("*.py")
        if "RetryPolicy(max_retries" in path.read_text() or "RetryPolicy(\n" in path.read_text()
    }
    assert policies <= {"retries.py"}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
