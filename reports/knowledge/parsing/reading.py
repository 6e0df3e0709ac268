"""A reading: the blocks of a document as they are found, and what could not be read.

Belongs here: the collector that every parser fills, and its bound. Does not belong here: any
format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reports.knowledge.model import Block, Document, RefusedError
from reports.knowledge.parsing.flow import Item
from reports.knowledge.parsing.headings import Headings
from reports.knowledge.text import normal

MAX_CHARACTERS = 20_000_000
"""Text of one document. A small file may repeat one string a million times."""
_PAGES_NAMED = 5


class Reading:
    """What a parser has read of one file.

    Attributes:
        headings: those above the place that is being read.
    """

    def __init__(self, file: str) -> None:
        """Start.

        Args:
            file: its name, for refusals.
        """
        self._file = file
        self.headings = Headings()
        self._blocks: list[Block] = []
        self._characters = 0
        self._missed: Counter[str] = Counter()
        self._missed_on: dict[str, list[int]] = {}
        self._flaws: dict[str, None] = {}

    def heading(self, level: int, text: str) -> None:
        """A heading starts."""
        self.headings.open(level, normal(text))

    def add(self, text: str, page: int | None = None, heading: str | None = None) -> None:
        """Take a block in, under the open headings or under one of its own.

        Raises:
            RefusedError: the document's text is beyond the bound.
        """
        text = normal(text)
        if not text.strip():
            return
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise RefusedError("size", f"{self._file}: over {MAX_CHARACTERS:,} characters of text")
        above = self.headings.path if heading is None else normal(heading)
        self._blocks.append(Block(text, above, page))

    def take(self, items: Iterable[Item]) -> None:
        """Take in pieces of a page."""
        for item in items:
            if item.kind == "heading":
                self.heading(item.level, item.text)
            else:
                self.add(item.text)

    def miss(self, what: str, page: int | None = None) -> None:
        """Count something that is not read.

        Args:
            what: a noun in the singular, such as ``picture``.
            page: where it is.
        """
        self._missed[what] += 1
        pages = self._missed_on.setdefault(what, [])
        if page is not None and page not in pages:
            pages.append(page)

    def flaw(self, sentence: str) -> None:
        """Name something that is not read; the same is named once."""
        self._flaws[" ".join(sentence.split())[:300]] = None

    @property
    def empty(self) -> bool:
        """Whether there is no text so far."""
        return not self._blocks

    def document(self, title: str, fallback: str) -> Document:
        """The document that was read.

        Args:
            title: the author's; empty where there is none.
            fallback: used where there is no heading either.
        """
        if not self._blocks and self.headings.path:
            # A document of headings alone is still a text.
            self._blocks.append(Block(self.headings.path))
        named = normal(title).strip() or self.headings.first or fallback
        counted = [self._sentence(what, count) for what, count in self._missed.items()]
        return Document(named, self._blocks, (*self._flaws, *counted))

    def _sentence(self, what: str, count: int) -> str:
        pages = sorted(self._missed_on[what])
        where = ""
        if pages:
            more = " …" if len(pages) > _PAGES_NAMED else ""
            named = ", ".join(map(str, pages[:_PAGES_NAMED]))
            where = f" ({'page' if len(pages) == 1 else 'pages'} {named}{more})"
        if count == 1:
            return f"1 {what} is not read{where}"
        first, _, rest = what.partition(" of ")
        many = f"{first}s of {rest}" if rest else f"{first}s"
        return f"{count} {many} are not read{where}"
