"""HTML, Markdown and plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from bs4.dammit import UnicodeDammit
from bs4.element import NavigableString, PreformattedString
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports.knowledge.model import Block, Document, RefusedError
from reports.knowledge.parsing.headings import Headings

_HEADING = re.compile(r"h[1-6]")
_UNSEEN = {"script", "style", "template", "noscript", "head", "svg", "iframe", "object"}
_INLINE = {
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt",
    "u", "var", "wbr",
}  # fmt: skip


def parse_html(path: Path) -> Document:
    """Read an HTML file; its encoding by mark, declaration or guess."""
    return html_document(path.read_bytes(), path.stem)


def html_document(content: bytes | str, name: str) -> Document:
    """Read HTML: what a browser would show as text, under its headings.

    Args:
        content: the page.
        name: its title where it has none.
    """
    soup = BeautifulSoup(content, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    headings = Headings()
    blocks: list[Block] = []
    for kind, text in _flow(soup):
        if kind:
            headings.open(kind, text)
        elif text.strip():
            blocks.append(Block(text, headings.path))
    if not blocks and headings.path:
        blocks = [Block(headings.path)]
    return Document(title or headings.first or name, blocks)


def _flow(soup: BeautifulSoup) -> Iterator[tuple[int, str]]:
    """Texts in reading order, a block element each: (level of a heading or 0, text)."""
    held: list[str] = []

    def walk(parent: Tag) -> Iterator[tuple[int, str]]:
        for child in parent.children:
            if isinstance(child, NavigableString):
                # Comments, declarations and the like are strings too.
                if not isinstance(child, PreformattedString):
                    held.append(str(child))
                continue
            if not isinstance(child, Tag) or child.name in _UNSEEN:
                continue
            if child.name == "br":
                held.append("\n")
            elif child.name in _INLINE:
                yield from walk(child)
            elif _HEADING.fullmatch(child.name):
                yield from flush()
                yield int(child.name[1]), child.get_text(" ", strip=True)
            elif child.name == "tr":
                yield from flush()
                cells = (cell.get_text(" ", strip=True) for cell in child.find_all(["td", "th"]))
                yield 0, " | ".join(cell for cell in cells if cell)
            else:
                yield from flush()
                yield from walk(child)
                yield from flush()

    def flush() -> Iterator[tuple[int, str]]:
        text = "".join(held)
        held.clear()
        if text.strip():
            yield 0, text

    yield from walk(soup)
    yield from flush()


def parse_markdown(path: Path) -> Document:
    """Read a Markdown file (CommonMark with tables)."""
    tokens = MarkdownIt("commonmark").enable("table").parse(_text(path))
    headings = Headings()
    blocks: list[Block] = []
    level = 0
    row: list[str] | None = None
    for token in tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            blocks.append(Block(" | ".join(filter(None, row)), headings.path))
            row = None
        elif token.type == "inline":
            text = _inline(token)
            if level:
                headings.open(level, text)
                level = 0
            elif row is not None:
                row.append(text)
            else:
                blocks.append(Block(text, headings.path))
        elif token.type in {"fence", "code_block"}:
            blocks.append(Block(token.content, headings.path))
        elif token.type == "html_block":
            page = html_document(token.content, "")
            blocks.extend(Block(block.text, headings.path) for block in page.blocks)
    if not blocks and headings.path:
        blocks = [Block(headings.path)]
    return Document(headings.first or path.stem, blocks)


def _inline(token: Token) -> str:
    parts: list[str] = []
    for child in token.children or []:
        if child.type in {"softbreak", "hardbreak"}:
            parts.append("\n")
        elif child.type in {"text", "code_inline", "image"}:
            parts.append(child.content)
    return "".join(parts)


def parse_text(path: Path) -> Document:
    """Read a text file, a block a paragraph."""
    parts = re.split(r"\n\s*\n", _text(path))
    return Document(path.stem, [Block(part) for part in parts])


def _text(path: Path) -> str:
    """The text of a file in UTF-8, or in the encoding that it seems to be in.

    Raises:
        RefusedError: it is not text.
    """
    content = path.read_bytes()
    text = UnicodeDammit(content, ["utf-8"]).unicode_markup
    if text is None or "\0" in text:
        raise RefusedError("damaged", f"{path.name}: is not text")
    return text.replace("\r\n", "\n").replace("\r", "\n")
