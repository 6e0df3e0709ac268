"""First imports in several threads: nobody sees a module that is still being imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from platform_assets.core.preload import preload
from platform_assets.core.settings import REPOSITORY
from sensors.preload import MODULES

OURS = ("platform_assets", "ml", "reports", "sensors")
NOT_IN_TICKS = {
    # Artefacts are opened by runs and the model server; Evidently's pages are made by runs.
    "safetensors.numpy", "skops.io", "ml.store.artefact_files", "ml.drift.report",
}  # fmt: skip
SENSORS = sorted((REPOSITORY / "sensors").glob("*.py"))


def file_of(module: str) -> Path | None:
    path = REPOSITORY / module.replace(".", "/")
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.exists():
            return file
    return None


@cache
def imports(file: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Modules that a file imports when it loads, and those that its functions import."""
    top: set[str] = set()
    lazy: set[str] = set()

    def visit(node: ast.AST, found: set[str]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                visit(child, lazy)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            elif isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                found.add(child.module)
                parts = (f"{child.module}.{alias.name}" for alias in child.names)
                found.update(part for part in parts if part.startswith(OURS) and file_of(part))
            else:
                visit(child, found)

    visit(ast.parse(file.read_text(encoding="utf-8")), top)
    return frozenset(top), frozenset(lazy)


def modules_of_ticks() -> Iterator[Path]:
    """The sensors, their transports, and what their lazy imports load."""
    waiting = {
        module
        for file in SENSORS
        for module in (*imports(file)[1], *imports(file)[0])
        if module.startswith(OURS) and (module in imports(file)[1] or "messaging" in module)
    }
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        file = file_of(module)
        assert file is not None, module
        yield file
        waiting |= {name for name in imports(file)[0] if name.startswith(OURS)} - seen
    yield from SENSORS


def test_whatever_a_tick_imports_late_is_on_the_list() -> None:
    late = {module for file in modules_of_ticks() for module in imports(file)[1]}
    packages = {"platform_assets.messaging", "platform_assets.streaming", "ml.trials"}
    missing = {
        module
        for module in late - set(MODULES) - NOT_IN_TICKS - packages
        if module.split(".")[0] not in sys.stdlib_module_names
    }
    assert missing == set()


@pytest.mark.parametrize("file", SENSORS, ids=lambda file: file.stem)
def test_every_tick_is_preceded_by_the_imports(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            words = [ast.unparse(decorator).partition("(")[0] for decorator in node.decorator_list]
            if any(word.endswith("sensor") for word in words):
                assert words[-1] == "preloaded", node.name


HAMMER = """
import random, sys, threading
from sensors.preload import MODULES, preloaded
threads, errors = 48, []
barrier = threading.Barrier(threads)

@preloaded
def tick(seed):
    order = list(MODULES)
    random.Random(seed).shuffle(order)
    for name in order:
        __import__(name)
        module = sys.modules[name]
        assert not getattr(module.__spec__, "_initializing", False), name
    from psycopg.types.json import Jsonb, set_json_dumps
    from scipy.stats import norm

def run(seed):
    barrier.wait()
    try:
        tick(seed)
    except BaseException as error:
        errors.append(repr(error))

all = [threading.Thread(target=run, args=(seed,)) for seed in range(threads)]
[thread.start() for thread in all]
[thread.join() for thread in all]
print(sorted(set(errors)))
"""


def test_many_threads_may_tick_at_once_in_a_fresh_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HAMMER],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_module_that_is_not_there_is_left_to_those_who_need_it() -> None:
    preload(("no_such_module_anywhere", "json"))
