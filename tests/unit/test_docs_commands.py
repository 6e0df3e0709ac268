"""Commands in the documents: each is parsed with its arguments by what would run it."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from benchmarks.__main__ import BENCHES
from platform_assets.cli.app import build
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import REPOSITORY, Settings, get_settings
from platform_assets.local.servers import catalogue
from reports.definition import load_definitions
from tests.documents import (
    DOCUMENTS,
    FENCE,
    block_commands,
    commands,
    fences,
    files,
    folders,
    inline,
    python_blocks,
    saved,
    shell_blocks,
)

LANGUAGES = {"sh", "console", "sql", "postgresql", "yaml", "json", "python", "mermaid", "text"}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
by_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY))
)


@cache
def weir() -> Any:
    return typer.main.get_command(build())


def parse_weir(words: list[str], *, whole: bool = True) -> dict[str, Any]:
    """Parse a command as ``weir`` would, and run nothing; not ``whole``: arguments may lack."""
    command = weir()
    path = ["weir"]
    while (children := getattr(command, "commands", None)) and words and words[0][0] != "-":
        assert words[0] in children, f"no command {words[0]!r}"
        path.append(words[0])
        command, words = children[words[0]], words[1:]
    if words == ["--help"] or (children and not words) or not (whole or words):
        return {}
    parsed: dict[str, Any] = command.make_context(" ".join(path), list(words)).params
    return {"command": " ".join(path), **parsed}


@cache
def known_names() -> dict[tuple[str, str], frozenset[str]]:
    """What a command's argument may be, by the command's first word and the argument."""
    servers = frozenset(catalogue(get_settings()))
    topics = frozenset(map(str, load_contracts()))
    reports = frozenset(load_definitions())
    return {
        ("restart", "name"): servers,
        ("logs", "name"): servers,
        ("up", "only"): servers,
        ("streams", "topic"): topics,
        ("quarantine", "topic"): topics,
        ("simulate", "topics"): topics,
        ("contracts", "topic"): topics,
        ("report", "name"): reports,
        ("deliveries", "report"): reports,
        ("portal", "report"): reports | {"models", "live", "alerts", "questions"},
    }


def check_names(parsed: dict[str, Any], written: set[str]) -> None:
    """Servers, topics and reports that a command names exist, or the reader has saved them."""
    group = str(parsed.get("command", "")).split()[1:2]
    stems = {Path(path).stem for path in written}
    for argument, value in parsed.items():
        known = known_names().get((*group, argument), None) if group else None
        values = [value] if isinstance(value, str) else list(value or ()) if known else []
        for name in values if known is not None else []:
            # In capitals stands what the reader fills in.
            filled = name.isupper() or name == "domain.entity"
            assert name in known | stems or filled, f"no {argument} {name!r}"


@cache
def known_targets() -> frozenset[str]:
    named = re.findall(r"^([a-z][a-z0-9-]*):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    dry = subprocess.run(
        ["make", "-n", *named], cwd=REPOSITORY, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert dry.returncode == 0, dry.stderr
    return frozenset(named)


def check_make(words: list[str]) -> None:
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    targets = [word for word in words if "=" not in word]
    assert set(targets) <= known_targets(), f"no make target {targets}"
    assert set(variables) <= {"ARGS", "ONLY", "WORKERS"}, f"make knows no {sorted(variables)}"
    if targets == ["run"] and "ARGS" in variables:
        parse_weir(["run", *shlex.split(variables["ARGS"])])
    # `name` stands for any of them.
    assert variables.get("ONLY", "name") in {*BENCHES, "name", ""}, f"no bench {variables['ONLY']}"


def check_python(words: list[str], written: set[str]) -> None:
    """``python -m``: the module exists, and so do the benches that it is given."""
    if words[:1] == ["-m"]:
        assert importlib.util.find_spec(words[1]), f"no module {words[1]}"
        if words[1] == "benchmarks":
            given = {words[at + 1] for at, word in enumerate(words) if word == "--only"}
            assert given <= set(BENCHES), f"no bench {given - set(BENCHES)}"
    elif words and words[0].endswith(".py"):
        check_path(words[0], written)


def check_path(path: str, written: set[str]) -> None:
    """A path that a command reads is in the clone, or the page says how it comes there."""
    assert not path.startswith("../"), f"{path} is in no clone"
    plain = path.partition("::")[0].rstrip("/")
    if not plain.startswith(("/", "~", "$")):
        assert plain in files() | folders() | written, f"nothing is at {path}"


def check(words: list[str], written: set[str] | None = None, *, whole: bool = True) -> None:
    """One command; ``written`` are the files that its page has told the reader to save."""
    program, arguments = words[0], words[1:]
    written = written or set()
    if program == "weir":
        parsed = parse_weir(arguments, whole=whole)
        check_names(parsed, written)
        for path in (parsed.get("paths") or []) if "command" in parsed else []:
            check_path(str(path), written)
        if parsed.get("command") == "weir ingest":
            check_path(str(parsed["path"]), written)
    elif program == "make":
        check_make(arguments)
    elif program == "python":
        check_python(arguments, written)
    elif program == "pytest":
        for path in (word for word in arguments if not word.startswith("-")):
            check_path(path, written)


def mentioned(document: Path) -> list[tuple[list[str], bool]]:
    """Commands within the prose, and whether all of their arguments must be there.

    A command that is only named ends in ``…`` unless it needs no argument.
    """
    found = []
    for code in inline(document):
        if not re.match(r"(?:weir|make|python|pytest) [\w-]", code):
            continue
        usage = re.sub(r" \[[^\]]*\]", "", code)  # [FILE ...]: what may be left out
        plain = usage.removesuffix("…").removesuffix("...").rstrip()
        # The changelog names commands as they were.
        found.append((shlex.split(plain), plain == usage and document.name != "CHANGELOG.md"))
    return found


@by_document
def test_every_fence_has_a_language(document: Path) -> None:
    text = FENCE.sub("", document.read_text())
    assert "```" not in text, "a block is not closed"
    for fence in fences(document):
        assert fence.language in LANGUAGES, f"a block's language is {fence.language!r}"
    listed = re.compile(r"^ *(?:[-*]|\d+\.) ")
    for block in re.findall(r"(?:\A|\n)\n((?: {4}\S[^\n]*\n)+)", text):
        before = text[: text.index(block)].rstrip().splitlines()[-1:]
        in_list = any(listed.match(line) or line.startswith("  ") for line in before)
        assert in_list, f"a block without a fence: {block}"


@by_document
def test_blocks_are_of_their_language(document: Path) -> None:
    for body in shell_blocks(document):
        done = subprocess.run(
            ["bash", "-n"], input=body, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
    for fence in fences(document):
        if fence.language == "yaml":
            assert list(yaml.safe_load_all(fence.body))
        elif fence.language == "json":
            json.loads(fence.body)
    for body in python_blocks(document):
        compile(body, document.name, "exec")


@by_document
def test_commands_in_the_documents_exist(document: Path) -> None:
    written = saved(document)
    for words in commands(document):
        check(words, written)
    for words, whole in mentioned(document):
        check(words, written, whole=whole)


@by_document
def test_no_block_starts_what_runs_already(document: Path) -> None:
    for body in shell_blocks(document):
        up = False
        for words in block_commands(body):
            up = up or words[:2] in (["weir", "up"], ["make", "run"])
            assert not (up and words[:3] == ["weir", "portal", "serve"]), "its port is taken"


@pytest.mark.parametrize(
    "line",
    [
        "weir nothing",
        "weir run --twice",
        "weir streams pause",
        "make nothing",
        "WEIR_HOME=/tmp/x weir restart",
        "weir status && weir restart",
        'weir sql "$(weir nothing)"',
        ".venv/bin/weir streams resume",
        "weir restart portals",
        "weir ingest ../shared/data/online_retail --source online_retail",
        "weir ingest somewhere --source online_retail",
        "weir streams pause commerce.clicks",
        "make bench ONLY=nothing",
        "python -m benchmarks --only nothing",
        "python -m platform_assets.nothing",
        "pytest tests/unit/test_nothing.py",
    ],
)
def test_a_command_that_is_not_there_is_noticed(line: str) -> None:
    found = block_commands(line)
    with pytest.raises(Exception, match=r"(?i)no |No such option|Missing|nothing is at"):
        assert [check(words) for words in found] == []


def test_the_readme_is_a_landing_page() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 150


def test_the_heads_of_figures_name_the_bench_that_prints_them() -> None:
    text = (REPOSITORY / "docs" / "reference" / "figures.md").read_text()
    named = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert len(named) >= 15
    assert set(named) <= set(BENCHES)


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
        default = Settings.model_fields[name.lower()].default
        assert (shown == default) or float(shown) == float(default), name


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
