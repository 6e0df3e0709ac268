"""Kinds of CSV files, files that were handed over, and what became of each."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path

from platform_assets.core.naming import TopicName


def matches(name: str, pattern: str) -> bool:
    """Whether a file's name matches a pattern; upper and lower case count as one."""
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


@dataclass(frozen=True)
class GivenFile:
    """A file as it was when somebody looked at it; only that content is ingested.

    Attributes:
        path: where it is.
        size: in bytes.
        sha256: of its content.
    """

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class FileSource:
    """A kind of CSV file, as ``sources/<name>/defs.yaml`` describes it.

    Attributes:
        name: the source instance.
        topic: where its records go.
        columns: columns the header must have; others are ignored.
        mapping: its JSONata mapping.
        number_by: rows are numbered from 1 within equal values of these (column, characters
            that count, 0 for all); the mapping sees the number as ``line_no``. Numbered rows are
            identified within their file, by its folder's and its own name: row 1 of another part
            of the same day is another record, row 1 of a corrected file is the same one.
        encoding: of the files' text.
        delimiter: the character between two values.
        names: pattern of its files' names; upper and lower case count as one.
    """

    name: str
    topic: TopicName
    columns: tuple[str, ...]
    mapping: Path
    number_by: tuple[tuple[str, int], ...] = ()
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    names: str = "*.csv"


@dataclass
class FileOutcome:
    """What became of one file.

    Attributes:
        file: its path.
        sha256: of its content.
        topic: where its records went.
        records: rows sent as events.
        dead_letters: rows sent to the dead-letter topic.
        conflicts: of these, rows whose identity was sent before with other content.
        changed: it is not the file that was handed over, any more; nothing of it was sent.
        skipped: it was ingested before.
        reasons: the first few reasons for dead letters, with file and line.
        error: why the whole file was refused, or None.
    """

    file: str
    sha256: str = ""
    topic: str = ""
    records: int = 0
    dead_letters: int = 0
    conflicts: int = 0
    changed: bool = False
    skipped: bool = False
    reasons: list[str] = field(default_factory=list)
    error: str | None = None


@dataclass
class IngestResult:
    """What became of all files."""

    source: str
    files: list[FileOutcome] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Records produced to the topic."""
        return sum(outcome.records for outcome in self.files)

    @property
    def dead_letters(self) -> int:
        """Rows that went to the dead-letter topic at the door."""
        return sum(outcome.dead_letters for outcome in self.files)

    @property
    def conflicts(self) -> int:
        """Of the dead letters, those whose identity was sent before with other content."""
        return sum(outcome.conflicts for outcome in self.files)
