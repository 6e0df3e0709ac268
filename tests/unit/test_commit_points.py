"""Commits have names, so that a test can stop the process at each; none stands without one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_assets.connectors.seam import bulk
from platform_assets.core import commit_points
from platform_assets.core.commit_points import CommitPoint
from platform_assets.engines import delta
from platform_assets.engines.spark import tables
from platform_assets.streaming import ledger

WRITES = {"write_deltalake", "delete", "merge", "save"}
"""What commits rows to a Delta table. ``optimize`` changes none."""
CURSORS = {"advance"}
"""Methods of the ledger whose transaction may be lost: a reader's place, read again."""


def named(node: ast.With) -> bool:
    """Whether a ``with`` enters a commit point."""
    contexts = [ast.unparse(item.context_expr) for item in node.items]
    return any(text == "self.layout.commit" or text.strip("_").isupper() for text in contexts)


def commits(tree: ast.AST, within: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """Calls that commit, each with whether a commit point is around it."""
    for node in ast.iter_child_nodes(tree):
        inside = within or (isinstance(node, ast.With) and named(node))
        if isinstance(node, ast.FunctionDef) and node.name in CURSORS:
            continue
        if isinstance(node, ast.Call):
            name = (
                node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
            )
            if name in WRITES or name == "transaction" or "MERGE INTO" in ast.unparse(node):
                yield node, inside
        yield from commits(node, inside)


@pytest.mark.parametrize("module", [delta, tables, ledger, bulk], ids=lambda m: m.__name__)
def test_every_commit_stands_in_a_commit_point(module: object) -> None:
    found = list(commits(ast.parse(Path(str(module.__file__)).read_text())))  # type: ignore[attr-defined]
    assert len(found) >= 3
    assert [ast.unparse(call)[:60] for call, inside in found if not inside] == []


def test_a_commit_is_reached_before_and_after_and_a_failed_one_only_before() -> None:
    point = CommitPoint("a test's commit")
    try:
        seen: list[str] = []
        with commit_points.watching(seen.append):
            with point:
                seen.append("committed")
            with pytest.raises(OSError, match="no disk"), point:
                raise OSError("no disk")
        assert seen == [
            "before a test's commit", "committed", "after a test's commit",
            "before a test's commit",
        ]  # fmt: skip
        with pytest.raises(ValueError, match="registered twice"):
            CommitPoint("a test's commit")
    finally:
        del commit_points._POINTS[point.name]
