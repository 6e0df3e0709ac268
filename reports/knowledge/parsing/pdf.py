"""PDF, a block a page, under the bookmarks that lead to it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, PyPdfError
from pypdf.generic import Destination

from reports.knowledge.model import Block, Document, RefusedError
from reports.knowledge.parsing.headings import Headings

# It warns of every oddity of a file, with dumps of its fonts; what matters comes as an error.
logging.getLogger("pypdf").setLevel(logging.ERROR)


def parse_pdf(path: Path) -> Document:
    """Read a PDF; a page that fails is a flaw of the document, the others are read.

    Raises:
        RefusedError: it needs a password.
    """
    with PdfReader(path) as reader:
        if reader.is_encrypted:
            _unlock(reader, path)
        headings = _bookmarks(reader)
        blocks: list[Block] = []
        flaws: list[str] = []
        above = ""
        for number, page in enumerate(reader.pages, start=1):
            above = headings.get(number, above)
            try:
                text = page.extract_text()
            except Exception as error:  # noqa: BLE001 - any page may be broken in any way
                flaws.append(f"page {number}: {type(error).__name__}: {error}")
                continue
            blocks.extend(Block(part, above, number) for part in text.split("\n\n"))
        title = str(reader.metadata.title or "") if reader.metadata else ""
    return Document(title.strip() or path.stem, blocks, tuple(flaws))


def _unlock(reader: PdfReader, path: Path) -> None:
    """Many files are encrypted with an empty user password, to forbid printing; those open."""
    try:
        opened = reader.decrypt("") is not PasswordType.NOT_DECRYPTED
    except (DependencyError, NotImplementedError) as error:
        raise RefusedError("encrypted", f"{path.name}: encrypted: {error}") from error
    if not opened:
        raise RefusedError("encrypted", f"{path.name}: encrypted; save it without a password")


def _bookmarks(reader: PdfReader) -> dict[int, str]:
    """Page -> the headings open at its end, by the outline."""
    headings = Headings()
    found: dict[int, str] = {}

    def walk(items: list[Any], level: int) -> None:
        for item in items:
            if isinstance(item, list):
                walk(item, level + 1)
            elif isinstance(item, Destination) and item.title:
                page = reader.get_destination_page_number(item)
                headings.open(level, item.title)
                if page is not None and page >= 0:
                    found[page + 1] = headings.path

    try:
        walk(reader.outline, 1)
    except (PyPdfError, KeyError, ValueError, AttributeError, TypeError, RecursionError):
        # An outline is an aid to citing; a broken one takes no page away.
        return {}
    return found
