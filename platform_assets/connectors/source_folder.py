"""File sources, read from their folders: ``sources/<name>/defs.yaml`` and the mapping beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from platform_assets.connectors.definitions import (
    fields_of,
    is_of_type,
    load_of_type,
    wrong,
)
from platform_assets.connectors.file_model import FileSource
from platform_assets.connectors.mapping import compiled
from platform_assets.core.broken import Loaded
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import OWNER_RULE, SOURCE_NAME, TopicName, is_owner
from platform_assets.core.yaml_lines import Document

FILE_SOURCE = "platform_assets.graph.components.FileSource"
"""The component type of a file source, as its ``defs.yaml`` names it."""

T = TypeVar("T")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WILD = re.compile(r"[*?\[\]]")
_DAY = 86_400


class FileSourceFields(BaseModel):
    """The attributes of a file source: all there is to say about it, with the rules they obey.

    Attributes:
        source: the source's name, which is its folder's.
        topics: the one topic that it feeds.
        owner: who answers for it.
        columns: columns that a file's header must have; others are ignored.
        files: where its files arrive, below the inbox: a folder and a pattern of names, e.g.
            ``online_retail/*.csv``.
        mapping: JSONata file in the source's folder.
        number_by: rows are numbered from 1 within equal values of these: column -> leading
            characters that count, 0 for all.
        path_variable: environment variable that names another folder than the inbox's.
        delimiter: the character between two values.
        encoding: of the files' text.
        settled_seconds: a file changed more recently than this may still be being written.
        look_every_seconds: pause between two looks at the folder.
        group: the asset's group.
        description: shown with the asset.
    """

    model_config = ConfigDict(extra="forbid")

    source: str
    topics: Sequence[str]
    owner: str
    columns: Sequence[str]
    files: str
    mapping: str
    number_by: Mapping[str, int] = Field(default_factory=dict)
    path_variable: str = ""
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    settled_seconds: float = 10.0
    look_every_seconds: int = 60
    group: str = "sources"
    description: str = ""

    @field_validator("source", "group")
    @classmethod
    def _plain(cls, value: str) -> str:
        good = re.fullmatch(SOURCE_NAME, value) is not None
        return _must(value, good, "a-z, 0-9 and _, a letter first")

    @field_validator("topics")
    @classmethod
    def _one_topic(cls, value: Sequence[str]) -> Sequence[str]:
        _must(value, len(value) == 1, "one topic: a file source feeds no more")
        TopicName.parse(value[0])
        return value

    @field_validator("owner")
    @classmethod
    def _is_owner(cls, value: str) -> str:
        if not is_owner(value):
            raise ValueError(f"{OWNER_RULE}, got {value!r}")
        return value

    @field_validator("columns")
    @classmethod
    def _named_once(cls, value: Sequence[str]) -> Sequence[str]:
        rule = "names, each given once"
        return _must(value, bool(value) and all(value) and len(set(value)) == len(value), rule)

    @field_validator("files")
    @classmethod
    def _below_the_inbox(cls, value: str) -> str:
        parts = value.split("/")
        good = all(part not in ("", ".", "..") for part in parts)
        good = good and not _WILD.search("/".join(parts[:-1])) and "\\" not in value
        rule = "a path below the inbox with wildcards in its last part only, e.g. shop/*.csv"
        return _must(value, good, rule)

    @field_validator("mapping")
    @classmethod
    def _beside(cls, value: str) -> str:
        good = PurePosixPath(value).name == value and value not in ("", "..")
        return _must(value, good, "the name of a file in the source's folder")

    @field_validator("path_variable")
    @classmethod
    def _is_variable(cls, value: str) -> str:
        return _must(value, not value or bool(_VARIABLE.fullmatch(value)), "a variable's name")

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, value: str) -> str:
        good = len(value) == 1 and not value.isalnum() and value not in '"\r\n\0 .-+'
        return _must(value, good, "one character that stands in no number, e.g. ';'")

    @field_validator("encoding")
    @classmethod
    def _decodes(cls, value: str) -> str:
        try:
            good = b"a;1\n".decode(value) == "a;1\n"
        except (LookupError, UnicodeError, ValueError):
            good = False
        return _must(value, good, "a text encoding that holds ASCII, e.g. utf-8-sig or cp1252")

    @field_validator("settled_seconds")
    @classmethod
    def _waits(cls, value: float) -> float:
        return _must(value, math.isfinite(value) and 0 <= value <= _DAY, "0 to 86400 seconds")

    @field_validator("look_every_seconds")
    @classmethod
    def _looks(cls, value: int) -> int:
        return _must(value, 1 <= value <= _DAY, "1 to 86400 seconds")

    @model_validator(mode="after")
    def _numbered_by_columns(self) -> FileSourceFields:
        unknown = [name for name in self.number_by if name not in self.columns]
        if unknown:
            raise ValueError(f"number_by: {', '.join(unknown)}: not among `columns`")
        if any(size < 0 for size in self.number_by.values()):
            raise ValueError("number_by: expected a number of characters, or 0 for all")
        return self

    def kind(self, folder: Path) -> FileSource:
        """The source whose folder this is."""
        return FileSource(
            name=self.source,
            topic=TopicName.parse(self.topics[0]),
            columns=tuple(self.columns),
            mapping=folder / self.mapping,
            number_by=tuple(self.number_by.items()),
            encoding=self.encoding,
            delimiter=self.delimiter,
            names=self.files.rpartition("/")[2],
        )


def load_file_sources() -> Loaded[str, FileSource]:
    """The file sources that can be used, by name; ``broken`` holds the others."""
    return load_of_type(FILE_SOURCE, file_source)


def is_file_source(document: Document) -> bool:
    """Whether a document of a ``defs.yaml`` describes a file source."""
    return is_of_type(document, FILE_SOURCE)


def file_source(document: Document) -> FileSource:
    """The file source that a ``defs.yaml`` describes.

    Raises:
        SourceError: an entry is missing, unknown or wrong, or the mapping is; names file, line
            and rule.
    """
    kind = fields_of(document, FileSourceFields, "a file source").kind(document.path.parent)
    try:
        compiled(kind.name, kind.mapping)
    except WeirError as error:
        raise wrong(document, ("mapping",), error.message, error.hint) from error
    return kind


def _must(value: T, good: bool, rule: str) -> T:
    if not good:
        raise ValueError(f"expected {rule}, got {value!r}")
    return value
