"""The one reader of YAML: strict, and with the line of every value."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from platform_assets.core.errors import WeirError


class YamlError(WeirError):
    """A file cannot be read as YAML; names file, line and rule."""


@dataclass(frozen=True)
class Document:
    """A file's content.

    Attributes:
        path: the file.
        data: its content as plain values; None for an empty file.
        node: the same as a tree of nodes that know their lines; None for an empty file.
    """

    path: Path
    data: Any
    node: yaml.Node | None

    def line(self, place: tuple[Any, ...] = ()) -> int:
        """The line of a value, or of the nearest thing around it; see :func:`line_of`."""
        return line_of(self.node, place) if self.node is not None else 1

    def holds(self, part: str | int) -> bool:
        """Whether any mapping has this key, or any list this index."""
        todo, seen = [self.node], set()
        while todo:
            node = todo.pop()
            # Aliases make the tree a graph: each node is visited once.
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                if any(key.value == part for key, _ in node.value):
                    return True
                todo.extend(value for _, value in node.value)
            elif isinstance(node, yaml.SequenceNode):
                if isinstance(part, int) and part < len(node.value):
                    return True
                todo.extend(node.value)
        return False

    def where(self, place: tuple[Any, ...] = ()) -> str:
        """``file:line`` of a place."""
        return f"{self.path}:{self.line(place)}"


class _StrictLoader(yaml.CSafeLoader):
    """Refuses what YAML forbids and PyYAML lets pass: a key given twice in one mapping."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        if isinstance(node, yaml.MappingNode):
            self._refuse_twins(node)
        return super().construct_mapping(node, deep)

    def _refuse_twins(self, node: yaml.MappingNode) -> None:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                # A merged mapping may be overridden by an explicit key: that is what it is for.
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be plain text", key_node.start_mark
                )
            # As values: `yes` and `true` are one key, `1` and `"1"` are two.
            key = self.construct_object(key_node)
            if (type(key), key) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key_node.value!r} is given twice", key_node.start_mark
                )
            seen.add((type(key), key))


def read(
    path: Path, refuse: type[WeirError] = YamlError, what: str = "", malformed: str = "not YAML"
) -> Document:
    """Read a file that holds one document.

    Args:
        path: the file.
        refuse: the class of error to raise.
        what: what the file is, put before its name in errors, e.g. ``contract``.
        malformed: the words for a file that is not YAML.

    Raises:
        WeirError: (as ``refuse``) the file is missing, not UTF-8, not YAML, holds two documents
            or a key twice; names file, line and rule.
    """
    documents = read_all(path, refuse, what, malformed)
    if len(documents) > 1:
        line = documents[1].line()
        raise refuse(
            f"{_named(path, what)}:{line}: a second document begins, expected one",
            "remove the line of three dashes, or move the rest to a file of its own",
        )
    return documents[0] if documents else Document(path, None, None)


def read_all(
    path: Path, refuse: type[WeirError] = YamlError, what: str = "", malformed: str = "not YAML"
) -> list[Document]:
    """Read a file that may hold several documents; the same errors as :func:`read`."""
    name = _named(path, what)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise refuse(f"{name}: no such file", "check the path") from None
    except OSError as error:
        raise refuse(f"{name}: cannot be read: {error.strerror}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refuse(f"{name}:{line}: not UTF-8: {error.reason}", "save the file as UTF-8") from (
            error
        )
    try:
        return _documents(path, text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}" if mark else ""
        raise refuse(f"{name}{at}: {malformed}: {error.problem}", _hint(error.problem)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise refuse(f"{name}:{line}: {malformed}: {error.reason}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        # E.g. `2026-02-31`, which YAML takes for a date; or thousands of brackets.
        raise refuse(f"{name}: {malformed}: {str(error).splitlines()[0]}") from error


def value_of(text: str) -> Any:
    """The plain value of a text that is no file, e.g. of a form's field.

    Raises:
        YamlError: it is not YAML, or gives a key twice.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a safe loader's child
    except yaml.YAMLError as error:
        raise YamlError(f"not YAML: {text[:80]!r}") from error


def line_of(node: yaml.Node, place: tuple[Any, ...]) -> int:
    """The line of a value, or of the nearest thing around it that is there.

    Args:
        node: the document, as ``yaml.compose`` gives it.
        place: keys and indices, e.g. ``("signals", 0, "column")``.
    """
    line = node.start_mark.line + 1
    for part in place:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, child = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            child = node.value[part] if part < len(node.value) else None
            line = child.start_mark.line + 1 if child else line
        if child is None:
            break
        node = child
    return line


def _documents(path: Path, text: str) -> list[Document]:
    loader = _StrictLoader(text)
    try:
        found = []
        while loader.check_node():
            node = loader.get_node()
            found.append((node, loader.construct_document(node)))
    finally:
        loader.dispose()
    return [Document(path, data, node) for node, data in found]


def _named(path: Path, what: str) -> str:
    return f"{what} {path}" if what else str(path)


def _hint(problem: str | None) -> str:
    if problem and problem.endswith("given twice"):
        return "keep one of the two"
    return "fix the indentation or quotes"
