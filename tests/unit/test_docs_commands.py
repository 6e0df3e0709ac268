"""The documents say what is there: commands, options, links, variables, decisions."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from platform_assets.cli.app import build
from platform_assets.core.settings import REPOSITORY, Settings

DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")],
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`((?:weir|make) [^`…]*)`")
by_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY))
)


def fenced(document: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(document.read_text()) if kind == language]


def commands(document: Path) -> Iterator[str]:
    """Command lines of a document's shell blocks."""
    for block in fenced(document, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("weir ", "make ")):
                yield line


def mentions(document: Path) -> Iterator[str]:
    """Commands named in the prose; without the arguments that a block would have."""
    for line in INLINE.findall(FENCE.sub("", document.read_text())):
        if not line.endswith("..."):
            yield line


@cache
def weir() -> Any:
    return typer.main.get_command(build())


def parse_weir(words: list[str], *, whole: bool = True) -> None:
    """Parse a command as ``weir`` would, and run nothing; not ``whole``: arguments may lack."""
    command = weir()
    while (children := getattr(command, "commands", None)) and words and words[0][0] != "-":
        assert words[0] in children, f"no command {words[0]!r}"
        command, words = children[words[0]], words[1:]
    if (whole or words) and words != ["--help"] and not (children and not words):
        command.make_context("weir", list(words))


@cache
def known_targets() -> frozenset[str]:
    named = re.findall(r"^([a-z][a-z0-9-]*):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    dry = subprocess.run(
        ["make", "-n", *named], cwd=REPOSITORY, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert dry.returncode == 0, dry.stderr
    return frozenset(named)


def check(line: str, *, whole: bool) -> None:
    words = shlex.split(line.split(" && ", maxsplit=1)[0])
    if words[0] == "weir":
        parse_weir(words[1:], whole=whole)
        return
    variables = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    targets = [word for word in words[1:] if "=" not in word]
    assert set(targets) <= known_targets(), f"no make target {targets}"
    assert set(variables) <= {"ARGS", "ONLY"}, f"make knows no {sorted(variables)}"
    if targets == ["run"] and "ARGS" in variables:
        parse_weir(["run", *shlex.split(variables["ARGS"])])


@by_document
def test_commands_in_the_documents_exist(document: Path) -> None:
    for line in commands(document):
        check(line, whole=True)
    for line in mentions(document):
        check(line, whole=False)


@pytest.mark.parametrize(
    "line", ["weir nothing", "weir run --twice", "weir streams pause", "make nothing"]
)
def test_a_command_that_is_not_there_is_noticed(line: str) -> None:
    with pytest.raises(Exception, match=r"no command|No such option|Missing|no make target"):
        check(line, whole=True)


def anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@by_document
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(FENCE.sub("", document.read_text())):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name}: {target} leads nowhere"
        if anchor:
            assert anchor in anchors(found), f"{document.name}: {target}: no such section"


def test_every_decision_is_in_the_index() -> None:
    index = (REPOSITORY / "docs" / "adr" / "README.md").read_text()
    for page in sorted((REPOSITORY / "docs" / "adr").glob("[0-9]*.md")):
        assert f"({page.name})" in index, f"docs/adr/README.md does not list {page.name}"


def test_every_document_is_reached_from_the_index() -> None:
    index = (REPOSITORY / "docs" / "index.md").read_text()
    for page in (REPOSITORY / "docs").rglob("*.md"):
        name = str(page.relative_to(REPOSITORY / "docs"))
        if name != "index.md" and not re.match(r"adr/\d", name):
            assert f"({name})" in index, f"docs/index.md does not list {name}"


def test_every_setting_is_documented_and_nothing_else() -> None:
    text = (REPOSITORY / "docs" / "reference" / "settings.md").read_text()
    listed = set(re.findall(r"^\| `(WEIR_[A-Z_]+)`", text, re.MULTILINE))
    assert listed == {f"WEIR_{name.upper()}" for name in Settings.model_fields}


def test_defaults_are_documented_as_they_are() -> None:
    text = (REPOSITORY / "docs" / "reference" / "settings.md").read_text()
    rows = re.findall(r"^\| `WEIR_([A-Z_]+)` \| `([\d.]+)` \|", text, re.MULTILINE)
    assert len(rows) >= 8
    for name, shown in rows:
        assert float(shown) == float(Settings.model_fields[name.lower()].default), name


def test_variables_named_anywhere_are_read_somewhere() -> None:
    known = {f"WEIR_{name.upper()}" for name in Settings.model_fields}
    code = (
        "".join(
            file.read_text(errors="replace")
            for folder in ("platform_assets", "sensors", "reports", "ml")
            for file in (REPOSITORY / folder).rglob("*")
            if file.suffix in {".py", ".yaml"}
        )
        + (REPOSITORY / "dagster.yaml").read_text()
    )
    for document in DOCUMENTS:
        for name in re.findall(r"`(WEIR_[A-Z_]+)", document.read_text()):
            plain = name.removesuffix("_FILE").rstrip("_")
            assert name in known or plain in code, f"{document.name}: nothing reads {name}"
