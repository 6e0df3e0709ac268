"""Which parser reads a file, and the refusal of what none can read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from reports.knowledge.model import Document, RefusedError
from reports.knowledge.parsing.package import unpacked_size
from reports.knowledge.text import clean, unreadable

MAX_BYTES = 100 * 1024 * 1024
MAX_UNPACKED_BYTES = 500 * 1024 * 1024

_PARSERS = {
    ".pdf": "pdf:parse_pdf",
    ".docx": "word:parse_word",
    ".pptx": "slides:parse_slides",
    ".xlsx": "workbook:parse_workbook",
    ".html": "html:parse_html",
    ".htm": "html:parse_html",
    ".md": "plain:parse_markdown",
    ".txt": "plain:parse_text",
    ".eml": "mail:parse_mail",
}
_ZIPPED = {".docx", ".pptx", ".xlsx"}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an encrypted Office file starts: it is wrapped in an OLE container."""


def parse(path: Path) -> Document:
    """Read a document.

    Raises:
        RefusedError: type, size, encryption or damage; it names the file and the rule.
        OSError: the file cannot be opened.
    """
    suffix = path.suffix.lower()
    if suffix not in _PARSERS:
        known = ", ".join(sorted(_PARSERS))
        raise RefusedError("type", f"{path.name}: no parser for {suffix or 'no suffix'} ({known})")
    _check_size(path, suffix)
    module, _, name = _PARSERS[suffix].partition(":")
    # A parser is imported when a file needs it: a collection of notes loads no PDF library.
    parser: Callable[[Path], Document] = getattr(
        import_module(f"reports.knowledge.parsing.{module}"), name
    )
    try:
        document = parser(path)
    except RefusedError:
        raise
    except OSError as error:
        # Zip and image code reports broken content as OSError without a number.
        if error.errno is not None:
            raise
        raise _damaged(path, error) from error
    except Exception as error:
        # Broken files break parsers in ways that no list of exceptions covers.
        raise _damaged(path, error) from error
    if not any(clean(block.text) for block in document.blocks):
        lost = f" ({'; '.join(document.flaws)})" if document.flaws else ""
        scan = "; a scan needs text recognition first" if suffix == ".pdf" else ""
        raise RefusedError("empty", f"{path.name}: no text{scan}{lost}")
    if count := sum(unreadable(block.text) for block in document.blocks):
        sentence = f"{count} characters have no meaning outside of the file's own fonts"
        return replace(document, flaws=(*document.flaws, sentence))
    return document


def _damaged(path: Path, error: Exception) -> RefusedError:
    said = " ".join(str(error).split())[:200]
    return RefusedError("damaged", f"{path.name}: cannot be read: {type(error).__name__}: {said}")


def _check_size(path: Path, suffix: str) -> None:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RefusedError("size", f"{path.name}: {size:,} bytes, at most {MAX_BYTES:,}")
    if suffix not in _ZIPPED:
        return
    with path.open("rb") as opened:
        if opened.read(len(_OLE)) == _OLE:
            raise RefusedError("encrypted", f"{path.name}: encrypted; save it without a password")
    try:
        unpacked = unpacked_size(path, MAX_UNPACKED_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, error) from error
    if unpacked > MAX_UNPACKED_BYTES:
        raise RefusedError("size", f"{path.name}: over {MAX_UNPACKED_BYTES:,} bytes unpacked")
