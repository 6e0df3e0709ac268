"""What the documents name exists: paths, modules, classes, functions, options, examples."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ml.discovery import models
from platform_assets.core.settings import REPOSITORY
from tests.documents import files, folders, inline, python_blocks, saved
from tests.unit.test_docs_commands import by_document, weir

ROOMS = ("platform_assets", "ml", "reports", "sensors", "benchmarks", "tests")
ENDS = "py|sql|yaml|yml|toml|css|html|js|j2|json|jsonl|jsonata|onnx|parquet|pdf|md|png"
PATH = re.compile(rf"[\w.-]+(?:/[\w.-]+)*/?\.(?:{ENDS})|\.?\w[\w.-]*(?:/[\w.-]+)*/")
THEIRS = {
    # SQL, dbt, Spark, MLflow, language models and PostgreSQL: named, and not of this project.
    "count", "sum", "table_changes", "ts_rank", "from_avro", "schemaless_writer",
    "max_completion_tokens", "max_slot_wal_keep_size", "not_in_channel", "NetworkPolicy", "KServe",
}  # fmt: skip


@cache
def code() -> str:
    """All of the project's own text that is no document and no test of documents."""
    kept = {".py", ".yaml", ".yml", ".sql", ".toml", ".j2", ".html", ".js", ".jsonata", ""}
    return "\n".join(
        (REPOSITORY / name).read_text(errors="replace")
        for name in sorted(files())
        if Path(name).suffix in kept and "test_docs" not in name
    )


@cache
def words() -> frozenset[str]:
    """Words of the code, and the names that it makes by adding a model's name to them."""
    found = frozenset(re.findall(r"\w+", code()))
    names = {"cart", *(spec.name for spec in models().specs)}  # the example of how-to/model.md
    return found | {f"{word.rstrip('_')}_{name}" for word in found for name in names}


def parsed(opening: str) -> list[ast.AST]:
    """Every node of the project's files in which a word, such as ``class Rules``, stands."""
    pattern = re.compile(rf"\b{opening}\b")
    texts = [
        (REPOSITORY / name).read_text()
        for name in sorted(files())
        if name.endswith(".py") and name.startswith(ROOMS)
    ]
    return [node for text in texts if pattern.search(text) for node in ast.walk(ast.parse(text))]


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    given = function.args
    return {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}


@cache
def members(owner: str) -> frozenset[str]:
    """A class's methods, fields, what ``self`` is given, and what it is made from."""
    inside: set[str] = set()
    for found in parsed(f"class {owner}"):
        if not isinstance(found, ast.ClassDef) or found.name != owner:
            continue
        for part in ast.walk(found):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                inside |= {part.name, *(arguments(part) if part.name == "__init__" else ())}
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                inside.add(part.target.id)
            elif isinstance(part, ast.Attribute):
                inside.add(part.attr)
    return frozenset(inside)


@cache
def parameters(name: str) -> frozenset[str] | None:
    """The parameters of the functions or methods of a name; None: there is none."""
    found = [
        arguments(node)
        for node in parsed(f"def {name}")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    return frozenset().union(*found) if found else None


@cache
def options() -> frozenset[str]:
    """Every option of ``weir``."""

    def of(command: Any) -> set[str]:
        here = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        return here.union(*(of(child) for child in getattr(command, "commands", {}).values()))

    return frozenset(of(weir()))


def exists(path: str, written: set[str]) -> bool:
    """Whether a path leads somewhere: from the root or within a room, or the code writes it."""
    plain = path.rstrip("/")
    if plain in written or plain in files() | folders():
        return True
    if "/" in plain:
        return any(f"{room}/{plain}" in files() | folders() for room in ROOMS)
    if path.endswith("/"):
        return any(Path(folder).name == plain for folder in folders())
    return any(Path(name).name == plain for name in files()) or plain in code()


def resolve(dotted: str) -> object:
    """The module, class or function of a dotted name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(dotted)


def problem(name: str, written: set[str]) -> str:  # noqa: PLR0911 - one return a kind of name
    """What is wrong with a piece of code in the prose; empty: nothing is."""
    if PATH.fullmatch(name):
        return "" if exists(name, written) else f"nothing is at {name}"
    if re.fullmatch(rf"(?:{'|'.join(ROOMS)})\.\w+(?:\.\w+)*(?:\(.*\))?", name):
        try:
            resolve(name.partition("(")[0])
        except (ImportError, AttributeError) as error:
            return f"{name}: {error}"
        return ""
    if call := re.fullmatch(r"([A-Za-z_]\w*)\((.*)\)", name):
        called, given = call.groups()
        if called in THEIRS:
            return ""
        known = parameters(called) or members(called)
        missing = set(re.findall(r"(\w+)=", given)) - known
        return "" if known and not missing else f"no {called} with {sorted(missing)}"
    if pair := re.fullmatch(r"([A-Z]\w+)\.([a-z_]\w*)(?:\[.*\])?", name):
        owner, member = pair.groups()
        return "" if member in members(owner) else f"no {owner} has {member}"
    if re.fullmatch(r"--[a-z][a-z-]+", name):
        return "" if name in options() or f'"{name}"' in code() else f"no option {name}"
    if re.fullmatch(r"weir/\w+", name):
        return "" if name in code() or name.partition("/")[2] in words() else f"no tag {name}"
    if re.fullmatch(r"[a-z]\w*_\w+|[a-z]+[A-Z]\w+|[A-Z][a-z]+[A-Z]\w*", name):
        return "" if name in words() or name in THEIRS else f"the code knows no {name}"
    return ""


@by_document
def test_names_in_the_documents_exist(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        pytest.skip("the changelog names what was")
    written = saved(document)
    found = [wrong for name in inline(document) if (wrong := problem(name, written))]
    assert not found


@pytest.mark.parametrize(
    "name",
    [
        "platform_assets/streaming/nothing.py",
        "nothing.sql",
        "ml/nothing/",
        "ml.drift.nothing",
        "ml.drift.decide.nothing",
        "Rules(nothing=1)",
        "nothing_at_all(1)",
        "Table.nothing",
        "--accept-nothing",
        "keep_nothing_running",
        "NothingHere",
    ],
)
def test_a_name_that_is_not_there_is_noticed(name: str) -> None:
    assert problem(name, set())


@by_document
def test_examples_import_what_exists(document: Path) -> None:
    for body in python_blocks(document):
        for node in ast.walk(ast.parse(body)):
            # A relative import is of the folder that the reader writes.
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)


@by_document
def test_examples_that_assert_something_hold(document: Path) -> None:
    for body in python_blocks(document):
        if re.search(r"^assert ", body, re.MULTILINE):
            done = subprocess.run(
                [sys.executable, "-c", body],
                cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
