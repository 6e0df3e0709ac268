"""PDF, a block a page, under the bookmarks that lead to it."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

from pypdf import PageObject, PasswordType, PdfReader
from pypdf.errors import DependencyError, PyPdfError
from pypdf.generic import Destination

from reports.knowledge.model import Document, RefusedError
from reports.knowledge.parsing.headings import Headings
from reports.knowledge.parsing.reading import Reading

# It warns of every oddity of a file, with dumps of its fonts; what matters comes as an error.
logging.getLogger("pypdf").setLevel(logging.ERROR)

_COMMENTS = {
    "/Text", "/FreeText", "/Highlight", "/Underline", "/Squiggly", "/StrikeOut", "/Stamp", "/Caret",
    "/Redact",
}  # fmt: skip


def parse_pdf(path: Path) -> Document:
    """Read a PDF; a page that fails is a flaw of the document, the others are read.

    A file whose table of contents is broken is repaired in memory, as every viewer does.

    Raises:
        RefusedError: it needs a password, or holds too much text.
    """
    found: _PdfReading | None = None
    try:
        with PdfReader(path) as reader:
            found = _read(reader, path)
    except RefusedError:
        raise
    except Exception:
        # Broken files break parsers in ways that no list of exceptions covers.
        repaired = _repaired(path)
        if repaired is None:
            raise
    else:
        repaired = _repaired(path) if found.empty else None
    if repaired is not None:
        with PdfReader(repaired) as reader:
            again = _read(reader, path)
        if not again.empty:
            again.flaw("the file is damaged and was repaired before it was read")
            found = again
    if found is None:
        raise RefusedError("empty", f"{path.name}: damaged, and no text is left after its repair")
    return found.document(found.title, path.stem)


class _PdfReading(Reading):
    """A reading, and the title in the file's properties."""

    title = ""


def _read(reader: PdfReader, path: Path) -> _PdfReading:
    if reader.is_encrypted:
        _unlock(reader, path)
    reading = _PdfReading(path.name)
    headings = _bookmarks(reader)
    above = ""
    for number, page in enumerate(reader.pages, start=1):
        above = headings.get(number, above)
        try:
            text = page.extract_text()
        except Exception as error:  # noqa: BLE001 - any page may be broken in any way
            reading.flaw(f"page {number}: {type(error).__name__}: {error}")
            continue
        for part in text.split("\n\n"):
            reading.add(part, number, above)
        _unread(page, number, reading)
    for name in _attachments(reader):
        reading.flaw(f"attachment {name} is not read")
    reading.title = str(reader.metadata.title or "") if reader.metadata else ""
    return reading


def _unread(page: PageObject, number: int, reading: Reading) -> None:
    """Name what a page shows beside its text."""
    try:
        resources = page.get("/Resources")
        objects = resources.get_object().get("/XObject") if resources else None
        for one in objects.get_object().values() if objects else ():
            if one.get_object().get("/Subtype") == "/Image":
                reading.miss("picture", number)
        for one in page.get("/Annots", ()) or ():
            note = one.get_object()
            kind = str(note.get("/Subtype", ""))
            if kind == "/Widget" and note.get("/V") not in {None, "", "/Off"}:
                reading.miss("form field", number)
            elif kind in _COMMENTS and note.get("/Contents"):
                reading.miss("comment", number)
            elif kind == "/FileAttachment":
                reading.miss("attachment", number)
    except (PyPdfError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        reading.flaw(f"page {number}: its pictures and comments cannot be listed")


def _attachments(reader: PdfReader) -> list[str]:
    try:
        return list(reader.attachments)
    except (PyPdfError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return []


def _repaired(path: Path) -> io.BytesIO | None:
    """The file as PDFium rewrites it; None where it cannot read it either."""
    import pypdfium2

    repaired = io.BytesIO()
    try:
        with pypdfium2.PdfDocument(path) as document:
            document.save(repaired)
    except pypdfium2.PdfiumError:
        return None
    repaired.seek(0)
    return repaired


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
