"""HTML: what a browser shows as text, under its headings.

Belongs here: beautifulsoup4. Does not belong here: what a page hides (:mod:`.html_hidden`),
fetching anything that a page names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EncodingDetector
from bs4.element import NavigableString, PageElement, PreformattedString

from reports.knowledge.model import Document
from reports.knowledge.parsing.charsets import decode
from reports.knowledge.parsing.flow import Item, Line, Raised, join_lines, row
from reports.knowledge.parsing.html_hidden import Hiding, Sight
from reports.knowledge.parsing.reading import Reading

_HEADING = re.compile(r"h[1-6]")
_UNSEEN = {
    "script", "style", "template", "noscript", "head", "title", "meta", "link", "datalist", "rt",
    "rp", "param", "source", "track", "colgroup", "col",
}  # fmt: skip
_UNREAD = {
    "img": "picture", "svg": "picture", "canvas": "picture", "map": "picture",
    "iframe": "embedded page", "frame": "embedded page", "object": "embedded object",
    "embed": "embedded object", "applet": "embedded object", "video": "video", "audio": "sound",
    "v:imagedata": "picture",
}  # fmt: skip
_STRUCK = {"del", "s", "strike"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details",
    "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
    "frameset", "header", "hgroup", "hr", "html", "legend", "li", "listing", "main", "menu", "nav",
    "ol", "optgroup", "option", "p", "plaintext", "pre", "search", "section", "select", "summary",
    "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "tr", "ul", "xmp",
}  # fmt: skip
_PREFORMATTED = {"pre", "listing", "xmp", "plaintext", "textarea"}
_RAISED: dict[str, Raised] = {"sup": "^", "sub": "_"}
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_DOT = 3
"""Pictures up to this many pixels wide or high are spacers and counters."""


def parse_html(path: Path) -> Document:
    """Read an HTML file; its encoding by mark, declaration or guess."""
    content = path.read_bytes()
    declared = EncodingDetector.find_declared_encoding(content, is_html=True) or ""
    text, flaw = decode(content, declared)
    reading = Reading(path.name)
    if flaw:
        reading.flaw(flaw)
    title = read_html(text, reading)
    return reading.document(title, path.stem)


def read_html(text: str, reading: Reading) -> str:
    """Take a page into a reading.

    Returns:
        Its title; empty where it has none.
    """
    soup = BeautifulSoup(text, "html.parser")
    hiding = Hiding(soup)
    if hiding.left_out:
        reading.flaw(f"{hiding.left_out} style rules that hide text were not applied")
    reading.take(_Page(hiding, reading).read(soup))
    return soup.title.get_text(" ", strip=True) if soup.title else ""


@dataclass
class _Table:
    """An open table: its rows arrange a page, or hold data.

    Attributes:
        cells: of the open row; None where none is open.
        cell: whether a cell is open.
    """

    layout: bool
    cells: list[list[Item]] | None = None
    cell: bool = False


@dataclass
class _Open:
    """An element that is being read, and what was so before it."""

    tag: Tag
    after: PageElement | None
    sight: Sight
    raised: Raised
    literal: bool
    table: _Table | None = None


@dataclass
class _Page:
    """Reads a page from its first element to its last, however deep they nest."""

    hiding: Hiding
    reading: Reading
    sight: Sight = field(default_factory=Sight)
    raised: Raised = ""
    literal: bool = False
    level: int = 0
    line: Line = field(default_factory=Line)
    space: bool = True
    tables: list[_Table] = field(default_factory=list)
    sinks: list[list[Item]] = field(default_factory=lambda: [[]])

    def read(self, soup: BeautifulSoup) -> list[Item]:
        """The items of a page."""
        stack: list[_Open] = []
        at: PageElement | None = next(iter(soup.contents), None)
        while at is not None or stack:
            if at is None:
                at = self._leave(stack.pop())
                continue
            if isinstance(at, NavigableString):
                # Comments, declarations and the like are strings too.
                if not isinstance(at, PreformattedString):
                    self._text(str(at))
            elif isinstance(at, Tag) and self._enter(at, stack):
                at = next(iter(at.contents), None)
                continue
            at = at.next_sibling
        self._flush()
        while self.tables:
            self._close_row(self.tables[-1])
            self.tables.pop()
        return self.sinks[0]

    def _text(self, text: str) -> None:
        if self.sight.hidden:
            if text.strip():
                self.reading.miss("passage of hidden text")
            return
        if not self.literal:
            text = _BLANKS.sub(" ", text)
            if self.space and not self.raised:
                text = text.lstrip(" ")
            if not text:
                return
            self.space = text.endswith(" ")
        self.line.add(text, self.raised)

    def _enter(self, tag: Tag, stack: list[_Open]) -> bool:
        """Begin an element; False where nothing in it is read."""
        name = tag.name.casefold()
        if name in _UNSEEN:
            return False
        if self.hiding.gone(tag):
            if tag.get_text(strip=True):
                self.reading.miss("passage of hidden text")
            return False
        if name in _UNREAD:
            if not _is_dot(tag):
                self.reading.miss(_UNREAD[name])
            return False
        if name in _STRUCK:
            if tag.get_text(strip=True):
                self.reading.miss("passage of struck-out text")
            return False
        if name == "br":
            self._break()
            return False
        opened = _Open(tag, tag.next_sibling, self.sight, self.raised, self.literal)
        self.sight = self.hiding.sight(tag, self.sight)
        self.raised = self._height(tag, name)
        if name in _BLOCKS or _HEADING.fullmatch(name) or self.hiding.shown_as_block(tag):
            self._flush()
        self.literal = self.literal or name in _PREFORMATTED
        if _HEADING.fullmatch(name):
            self.level = int(name[1])
        elif name == "table":
            layout = str(tag.get("role", "")).casefold() in {"presentation", "none"}
            opened.table = _Table(layout)
            self.tables.append(opened.table)
        elif self.tables:
            self._enter_part(name)
        stack.append(opened)
        return True

    def _height(self, tag: Tag, name: str) -> Raised:
        # MathML's power: its second element is the exponent.
        if tag.parent is not None and tag.parent.name in {"msup", "msub"}:
            if tag.find_previous_sibling(True) is not None:
                return "^" if tag.parent.name == "msup" else "_"
            return self.raised
        return _RAISED.get(name, self.raised)

    def _enter_part(self, name: str) -> None:
        """A row or a cell begins; HTML lets the one before end without a word."""
        table = self.tables[-1]
        if name in {"tr", "thead", "tbody", "tfoot"}:
            self._close_row(table)
            if name == "tr":
                table.cells = []
        elif name in {"td", "th"}:
            self._close_cell(table)
            if table.cells is None:
                table.cells = []
            table.cell = True
            self.sinks.append([])

    def _leave(self, opened: _Open) -> PageElement | None:
        name = opened.tag.name.casefold()
        block = name in _BLOCKS or self.hiding.shown_as_block(opened.tag)
        if _HEADING.fullmatch(name):
            self._flush(heading=True)
        elif block:
            self._flush()
        if opened.table is not None:
            while self.tables:
                table = self.tables[-1]
                self._close_row(table)
                self.tables.pop()
                if table is opened.table:
                    break
        elif self.tables and name == "tr":
            self._close_row(self.tables[-1])
        elif self.tables and name in {"td", "th"}:
            self._close_cell(self.tables[-1])
        self.sight, self.raised, self.literal = opened.sight, opened.raised, opened.literal
        return opened.after

    def _close_cell(self, table: _Table) -> None:
        if table.cell and table.cells is not None:
            self._flush()
            table.cells.append(self.sinks.pop())
            table.cell = False

    def _close_row(self, table: _Table) -> None:
        self._close_cell(table)
        self._flush()
        if table.cells is not None:
            self.sinks[-1] += row(table.cells, table.layout)
            table.cells = None

    def _break(self) -> None:
        if not self.sight.hidden:
            self.line.add("\n")
            self.space = True

    def _flush(self, heading: bool = False) -> None:
        """A block ends. Within a heading it is a line that ends."""
        if self.level and not heading:
            self._break()
            return
        text = self.line.text()
        self.line, self.space = Line(), True
        level, self.level = self.level, 0
        if not text.strip():
            return
        if level:
            self.sinks[-1].append(Item("heading", join_lines(text.split("\n")), level))
        else:
            self.sinks[-1].append(Item("text", text if self.literal else text.strip()))


def _is_dot(tag: Tag) -> bool:
    if tag.name != "img":
        return False
    sizes = [str(tag.get(side, "")).removesuffix("px").strip() for side in ("width", "height")]
    return any(size.isdigit() and int(size) <= _DOT for size in sizes)
