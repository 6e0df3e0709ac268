"""The import graph between the project's packages, read from its source.

``python -m tests.graph_of_imports`` prints each package with the packages that it imports, the
packages that import Dagster, and every cycle; it exits with 1 where there is a cycle. Imports
inside functions count, imports for type checking do not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("platform_assets", "ml", "reports", "sensors")

Graph = dict[str, set[str]]


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Dotted name of every module -> its file; a package is named by its folder."""
    found = {}
    for top in TOPS:
        for path in sorted((root / top).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """What a module imports: modules of the project where they are known, else packages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(name, path, node)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in known else base


def module_graph(root: Path = ROOT) -> Graph:
    """Module -> every module or package that it imports."""
    known = modules(root)
    return {name: set(imports(name, path, known)) for name, path in known.items()}


def between(graph: Graph, parent: str) -> Graph:
    """The imports between the direct children of a package, all their modules taken together.

    Args:
        graph: imports by module.
        parent: a package; ``""`` for the four top packages.
    """
    found: Graph = {}
    for module, targets in graph.items():
        child = _child(module, parent)
        if child is None:
            continue
        others = {_child(target, parent) for target in targets if target in graph}
        found.setdefault(child, set()).update(
            other
            for other in others
            if other not in (None, child)  # type: ignore[misc]
        )
    return found


def cycles(graph: Graph) -> list[list[str]]:
    """Groups of nodes that reach one another (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def all_cycles(graph: Graph) -> dict[str, list[list[str]]]:
    """Cycles between siblings at every depth: package -> groups."""
    parents = {""} | {module.rpartition(".")[0] for module in graph}
    found = {parent: cycles(between(graph, parent)) for parent in sorted(parents)}
    # The four top packages share one graph: platform_assets assembles what the others give.
    found.pop("")
    return {parent: groups for parent, groups in found.items() if groups}


def dagster_importers(graph: Graph) -> set[str]:
    """Modules that import Dagster or one of its integrations."""
    return {
        module
        for module, targets in graph.items()
        if any(target.split(".")[0].split("_")[0] == "dagster" for target in targets)
    }


def room(module: str) -> str:
    """The package that a module belongs to on the map: two names deep."""
    return ".".join(module.split(".")[:2])


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        ):
            continue
        yield node
        yield from _running(node)


def _base(name: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def _child(module: str, parent: str) -> str | None:
    if not parent:
        return module.split(".", maxsplit=1)[0]
    if not module.startswith(f"{parent}."):
        return None
    return f"{parent}.{module[len(parent) + 1 :].split('.', maxsplit=1)[0]}"


def main() -> int:
    """Print the graph."""
    graph = module_graph()
    for top in TOPS:
        for package, targets in sorted(between(graph, top).items()):
            outside = {room(t) for t in _targets(graph, package) if room(t) != package}
            print(f"{package} -> {', '.join(sorted(targets | outside)) or 'nothing'}")
    print("imports Dagster:", ", ".join(sorted({room(m) for m in dagster_importers(graph)})))
    found = all_cycles(graph)
    for parent, groups in found.items():
        for group in groups:
            print(f"cycle in {parent}: {' <-> '.join(group)}")
    print(f"{len(found)} packages with cycles" if found else "no cycle")
    return 1 if found else 0


def _targets(graph: Graph, package: str) -> set[str]:
    return {
        target
        for module, targets in graph.items()
        if module == package or module.startswith(f"{package}.")
        for target in targets
        if target in graph
    }


if __name__ == "__main__":
    sys.exit(main())
