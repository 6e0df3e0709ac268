"""Reading the documents: their fences, their commands, and what they tell the reader to save."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from platform_assets.core.settings import REPOSITORY

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
HEREDOC = re.compile(r"<<'?(\w+)'?\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"[Ss]ave [^.\n`]*?as `([^`]+)`|into a file `([^`]+)`")
ASSIGNMENT = re.compile(r"[A-Z_][A-Z0-9_]*=.*", re.DOTALL)
SEPARATORS = {"&&", "||", ";", "|", "&"}


@dataclass(frozen=True)
class Fence:
    """A block of a document.

    Attributes:
        language: the word after the opening back-ticks; empty where there is none.
        body: its lines, without the indentation of a list.
    """

    language: str
    body: str


def fences(document: Path) -> list[Fence]:
    """The blocks of a document, in order."""
    return [
        Fence(language.strip(), re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
        for indent, language, body in FENCE.findall(document.read_text())
    ]


def fenced(document: Path, language: str) -> list[str]:
    """The bodies of a document's blocks in one language."""
    return [fence.body for fence in fences(document) if fence.language == language]


def prose(document: Path) -> str:
    """A document without its blocks."""
    return FENCE.sub("", document.read_text())


def inline(document: Path) -> list[str]:
    """The pieces of code within the prose."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def shell_lines(body: str) -> Iterator[str]:
    """The lines of a shell block: joined where one continues, without here-documents."""
    text = HEREDOC.sub("", body).replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def split(line: str) -> Iterator[list[str]]:
    """The commands of a line, in the order in which the shell runs them.

    Pipes and ``&&`` separate commands, what stands in ``$(…)`` is one of its own, variables
    set for a command and the folder of its program are left out.
    """
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        yield from split(inner)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for token in [*lexer, ";"]:
        if token not in SEPARATORS:
            words.append(token)
            continue
        while words and ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        if words:
            yield [Path(words[0]).name if "/" in words[0] else words[0], *words[1:]]
        words = []


def commands(document: Path) -> list[list[str]]:
    """Every command of a document's shell blocks, as words."""
    return [words for body in shell_blocks(document) for words in block_commands(body)]


def shell_blocks(document: Path) -> list[str]:
    """Blocks of commands; of a session in a console only what was typed."""
    typed = [
        "\n".join(re.findall(r"^\$ (.*)$", body, re.MULTILINE))
        for body in fenced(document, "console")
    ]
    return [*fenced(document, "sh"), *typed]


def block_commands(body: str) -> list[list[str]]:
    """Every command of one shell block, as words."""
    return [words for line in shell_lines(body) for words in split(line)]


def python_blocks(document: Path) -> list[str]:
    """Blocks of Python, those within a shell's here-document too."""
    inner = [
        body
        for block in fenced(document, "sh")
        for opening, body in HEREDOC.findall(block)
        if opening == "PY"
    ]
    return [*fenced(document, "python"), *inner]


def saved(document: Path) -> set[str]:
    """Paths that the document tells its reader to write."""
    return {first or second for first, second in SAVED.findall(document.read_text())}


@cache
def files() -> frozenset[str]:
    """Every file of a clone, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True,
    ).stdout.splitlines()  # fmt: skip
    return frozenset(name for name in listed if (REPOSITORY / name).exists())


@cache
def folders() -> frozenset[str]:
    """Every folder of a clone, relative to its root."""
    return frozenset(str(parent) for name in files() for parent in Path(name).parents)
