"""The shapes of the room: blocks of a document, kept passages, results of a sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from platform_assets.core.errors import WeirError
from reports.document import Passage

Vectors = npt.NDArray[np.float32]
"""One row a text, each of length 1."""


class KnowledgeError(WeirError):
    """The knowledge base is asked for something that it cannot do."""


class RefusedError(WeirError):
    """A document is not taken in.

    Attributes:
        rule: which rule it broke: ``type``, ``size``, ``encrypted``, ``damaged``, ``empty``,
            ``outside`` or ``taken``.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True)
class Block:
    """A piece of a document as its author set it: a paragraph, a table row, a list item.

    Attributes:
        text: as plain text.
        heading: the headings above it, outermost first, joined by `` > ``; a slide's title or a
            sheet's name.
        page: page or slide, from 1; None where there are none.
    """

    text: str
    heading: str = ""
    page: int | None = None


@dataclass(frozen=True)
class Document:
    """A document that was read.

    Attributes:
        title: the author's, else the first heading, else the file's name.
        blocks: in reading order.
        flaws: parts that could not be read, a sentence each.
    """

    title: str
    blocks: Sequence[Block]
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A passage as it is kept.

    Attributes:
        id: follows from document, place and text alone.
        document: path of the file in its folder, or the id it was added under.
        title: of the document.
        page: see :class:`Block`; that of its first block.
        heading: see :class:`Block`.
        text: what is quoted.
        fingerprint: of its document: origin (``file:`` or ``added:``) and content hash.
        count: passages of its document, so that a half-written document is noticed.
    """

    id: str
    document: str
    title: str
    page: int | None
    heading: str
    text: str
    fingerprint: str
    count: int

    @property
    def indexed(self) -> str:
        """The text that is embedded and whose words are counted: with title and headings."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)

    def passage(self) -> Passage:
        """As a report cites it."""
        return Passage(
            id=self.id,
            document=self.document,
            title=self.title,
            page=self.page,
            heading=self.heading,
            text=self.text,
        )


@dataclass(frozen=True)
class Scored:
    """A passage found and its score; scores of different modes do not compare."""

    passage: Passage
    score: float


@dataclass(frozen=True)
class Refusal:
    """A file, or a part of one, that was not taken in.

    Attributes:
        file: path in the folder.
        rule: see :class:`RefusedError`; ``part`` where the rest of the file was taken.
        message: one sentence.
    """

    file: str
    rule: str
    message: str


@dataclass
class SyncReport:
    """What a sync did, in documents.

    Attributes:
        added: new ones.
        changed: those with new content.
        removed: those whose file is gone.
        unchanged: those left alone.
        refused: what was not taken in, and why.
        embedded: passages that were embedded.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    embedded: int = 0
