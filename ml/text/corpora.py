"""Labelled texts for training: folders of CSV (sentiment) and of IOB2 (entities), as they come.

Nothing here is part of the project: a training is told where the data is (ADR 0610).
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from ml.text.results import LABELS, Kind, Label
from platform_assets.core.errors import WeirError

Split = Literal["train", "valid"]
_KINDS: dict[str, Kind] = {"PER": "person", "ORG": "organisation", "LOC": "place"}
_ENTITIES, _LANGUAGE = "*.iob2", re.compile(r"([a-z]{2})_([a-z]+)")
_PARALLEL = re.compile(r"\b(set)\.[a-z]{2}(?=[-.])")
_NAMES = {
    "arabic": "ar", "chinese": "zh", "danish": "da", "dutch": "nl", "english": "en",
    "french": "fr", "german": "de", "hindi": "hi", "indonesian": "id", "italian": "it",
    "japanese": "ja", "korean": "ko", "malay": "ms", "polish": "pl", "portuguese": "pt",
    "russian": "ru", "spanish": "es", "swedish": "sv", "turkish": "tr",
}  # fmt: skip


class CorpusError(WeirError):
    """A folder without labelled texts, or a file of it that cannot be read; names file and line."""


@dataclass(frozen=True)
class Opinion:
    """A text, what its writer feels, and its language (ISO 639-1)."""

    text: str
    label: Label
    language: str


@dataclass(frozen=True)
class Span:
    """A labelled entity: ``text[start:end]``."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """A sentence and its entities.

    Attributes:
        text: as it was written.
        spans: in order, without overlap.
        language: ISO 639-1.
        key: the same for translations of one sentence, so that none is trained on while another
            is scored.
    """

    text: str
    spans: tuple[Span, ...]
    language: str
    key: str = field(default="")


def opinions(folder: Path, split: Split) -> list[Opinion]:
    """Labelled texts of every language.

    Args:
        folder: ``<language>/<split>.csv`` with columns ``text`` and ``label`` (negative, neutral,
            positive); a language by its English name or by ISO 639-1.
        split: which files; a language without one is left out.

    Raises:
        CorpusError: no such file at all, or a file with other columns or labels.
    """
    found = [
        opinion
        for path in sorted(folder.glob(f"*/{split}.csv"))
        for opinion in _opinions(path, _code(path))
    ]
    if not found:
        raise CorpusError(
            f"{folder} holds no labelled texts",
            f"give a folder with <language>/{split}.csv, columns text and label "
            f"({', '.join(LABELS)})",
        )
    return found


def sentences(folder: Path) -> list[Sentence]:
    """Sentences of every language with their persons, organisations and places.

    Args:
        folder: ``<ISO 639-1>_<source>*.iob2`` as Universal NER gives them, with ``# text =`` lines;
            other kinds than PER, ORG and LOC are left out.

    Raises:
        CorpusError: no such file, or a token that its text does not contain.
    """
    found = [one for path in sorted(folder.glob(_ENTITIES)) for one in _sentences(path)]
    if not found:
        raise CorpusError(
            f"{folder} holds no labelled sentences",
            "give a folder with files <language>_<source>.iob2 as Universal NER has them",
        )
    return found


def fingerprint(rows: Iterable[Opinion | Sentence]) -> str:
    """SHA-256 over rows in their order (hexadecimal)."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, default=vars, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _code(path: Path) -> str:
    name = path.parent.name.lower()
    code = _NAMES.get(name, name)
    if not re.fullmatch(r"[a-z]{2}", code):
        raise CorpusError(
            f"{path}: language {name!r} is unknown", "name the folder by its ISO 639-1 code"
        )
    return code


def _opinions(path: Path, language: str) -> Iterator[Opinion]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in (rows := csv.DictReader(file)):
            label = row.get("label")
            if label not in LABELS or row.get("text") is None:
                raise CorpusError(
                    f"{path}, line {rows.line_num}: label {label!r} is unknown",
                    f"give columns text and label, one of {', '.join(LABELS)}",
                )
            yield Opinion(row["text"], cast(Label, label), language)


def _sentences(path: Path) -> Iterator[Sentence]:
    named = _LANGUAGE.match(path.name)
    if named is None:
        raise CorpusError(f"{path} names no language", "name it <ISO 639-1>_<source>.iob2")
    language, source = named.groups()
    text, key, words = "", "", list[tuple[str, str]]()
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate([*lines, ""], 1):
        if line.startswith("# text = "):
            text = line.removeprefix("# text = ")
        elif line.startswith("# sent_id = "):
            key = source + "/" + _PARALLEL.sub(r"\1", line.removeprefix("# sent_id = "))
        elif line and not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) < 3:
                raise CorpusError(f"{path}, line {number}: fewer than 3 columns", "give IOB2")
            words.append((columns[1], columns[2]))
        elif not line and words:
            where = f"{path}, line {number}"
            yield Sentence(text, tuple(_spans(where, text, words)), language, key)
            text, words = "", []


def _spans(where: str, text: str, words: Sequence[tuple[str, str]]) -> Iterator[Span]:
    """Tags of words as positions in the text."""
    at, kind, start, end = 0, "", 0, 0
    for word, tag in words:
        begin = text.find(word, at)
        if begin < 0:
            raise CorpusError(
                f"{where}: {word!r} is not in its text after character {at}",
                "give each sentence the text that its words were taken from",
            )
        at = begin + len(word)
        if kind and tag != f"I-{kind}":
            if kind in _KINDS:
                yield Span(_KINDS[kind], start, end)
            kind = ""
        if tag[:2] in {"B-", "I-"} and not kind:
            kind, start = tag[2:], begin
        end = at
    if kind in _KINDS:
        yield Span(_KINDS[kind], start, end)
