"""Markdown and plain text.

Belongs here: markdown-it-py, paragraphs. Does not belong here: what HTML means (:mod:`.html`),
which Markdown is turned into.
"""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

from reports.knowledge.model import Document, RefusedError
from reports.knowledge.parsing.charsets import decode
from reports.knowledge.parsing.html import read_html
from reports.knowledge.parsing.reading import Reading

_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")


def parse_markdown(path: Path) -> Document:
    """Read a Markdown file (CommonMark with tables and strikethrough; line breaks are kept)."""
    reading = Reading(path.name)
    text = _text(path, reading)
    markdown = MarkdownIt("commonmark", {"breaks": True}).enable(["table", "strikethrough"])
    read_html(markdown.render(text), reading)
    return reading.document("", path.stem)


def parse_text(path: Path) -> Document:
    """Read a text file, a block a paragraph."""
    reading = Reading(path.name)
    for part in _PARAGRAPHS.split(_text(path, reading)):
        reading.add(part)
    return reading.document("", path.stem)


def _text(path: Path, reading: Reading) -> str:
    """The text of a file in UTF-8, or in the encoding that it seems to be in.

    Raises:
        RefusedError: it is no text.
    """
    text, flaw = decode(path.read_bytes())
    if flaw:
        reading.flaw(flaw)
    if "\0" in text:
        raise RefusedError("damaged", f"{path.name}: is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n")
