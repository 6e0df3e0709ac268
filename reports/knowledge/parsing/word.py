"""Word files: what a reader sees with all tracked changes accepted.

Belongs here: WordprocessingML (ISO/IEC 29500-1, 17). Does not belong here: the old binary format,
which is refused, and files inside files, which are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reports.knowledge.model import Document
from reports.knowledge.parsing.drawing import Drawings, formula, in_one_line
from reports.knowledge.parsing.flow import Item, Line, Raised, row
from reports.knowledge.parsing.package import Element, Package, attribute, child, children, tag
from reports.knowledge.parsing.reading import Reading
from reports.knowledge.parsing.word_styles import Styles, is_on, raised

_WRAPPERS = {
    "w:ins", "w:moveTo", "w:hyperlink", "w:smartTag", "w:customXml", "w:dir", "w:bdo",
    "w:sdtContent", "w:rubyBase",
}  # fmt: skip
_DELETED = {"w:del", "w:moveFrom", "w:rt", "w:instrText", "w:delText", "w:delInstrText"}
_MARKS = {"w:tab": "\t", "w:ptab": "\t", "w:br": "\n", "w:cr": "\n", "w:noBreakHyphen": "-"}
_DRAWINGS = {"w:drawing", "w:pict", "w:object"}
_NOTES = {"w:footnoteReference": "Footnote", "w:endnoteReference": "Endnote"}
_COUNTERS = ("PAGE", "NUMPAGES", "SECTIONPAGES")
"""Fields whose result is not the author's."""
_SYMBOLS = range(0xF000, 0xF100)


def parse_word(path: Path) -> Document:
    """Read a Word file: paragraphs and table rows in reading order, under their headings.

    Notes and text boxes follow the paragraph that they hang on; headers and footers come last.

    Raises:
        RefusedError: it names no document.
        etree.XMLSyntaxError: a part is no XML.
    """
    with Package(path) as package:
        reading = Reading(path.name)
        main = package.main()
        root = package.xml(main)
        relations = package.relations(main)
        parts = {one.kind: one.part for one in relations.values() if one.part}
        styles = Styles(package.xml(parts["styles"]) if "styles" in parts else None)
        notes: dict[tuple[str, str], Element] = {}
        for kind, name in (("footnotes", "Footnote"), ("endnotes", "Endnote")):
            for one in _elements(package, parts.get(kind, "")):
                if tag(one) and attribute(one, "type", "normal") == "normal":
                    notes[name, attribute(one, "id")] = one
        flow = _Flow(package, reading, main, styles, notes)
        body = child(root, "w:body")
        if body is not None:
            reading.take(flow.items(body))
        edges: dict[str, None] = {}
        for relation in dict.fromkeys(relations.values()):
            if relation.kind in {"header", "footer"}:
                edge = package.xml(relation.part)
                within = _Flow(package, reading, relation.part, styles, {})
                if edge is not None and (text := " ".join(i.text for i in within.items(edge))):
                    edges[f"{relation.kind.capitalize()}: {text}"] = None
        for edge_text in edges:
            reading.add(edge_text, heading="")
        for one in _elements(package, parts.get("comments", "")):
            if tag(one) == "w:comment":
                reading.miss("comment")
        return reading.document(package.title(), path.stem)


def _elements(package: Package, part: str) -> list[Element]:
    root = package.xml(part) if part else None
    return [] if root is None else list(root)


@dataclass
class _Field:
    """An open field: its instruction, and whether its result has begun."""

    instruction: str = ""
    result: bool = False

    @property
    def shown(self) -> bool:
        return self.result and not self.instruction.strip().upper().startswith(_COUNTERS)


class _Flow:
    """The text of one part, piece by piece."""

    def __init__(
        self,
        package: Package,
        reading: Reading,
        part: str,
        styles: Styles,
        notes: dict[tuple[str, str], Element],
    ) -> None:
        self._reading, self._styles, self._notes = reading, styles, notes
        self._drawings = Drawings(package, reading, part, text_box=self.items)
        self._fields: list[_Field] = []
        self._line = Line()
        self._hanging: list[Item] = []

    def items(self, parent: Element) -> Iterator[Item]:
        """What stands in a body, a cell, a note or a text box."""
        for one in children(parent):
            name = tag(one)
            if name == "w:p":
                yield from self._paragraph(one)
            elif name == "w:tbl":
                yield from self._table(one)
            elif name == "w:sdt":
                yield from self.items(_content(one))
            elif name in _WRAPPERS:
                yield from self.items(one)
            elif name == "w:altChunk":
                self._reading.miss("inserted document")
        if self._line:
            # The last paragraph's mark is deleted, and nothing follows.
            line, self._line = self._line, Line()
            yield Item("text", line.text())

    def _paragraph(self, paragraph: Element) -> Iterator[Item]:
        properties = child(paragraph, "w:pPr")
        style = child(properties, "w:pStyle")
        name = attribute(style, "val") if style is not None else ""
        self._runs(paragraph, name)
        mark = child(properties, "w:rPr")
        if child(mark, "w:del") is not None or child(mark, "w:moveFrom") is not None:
            # With its mark deleted, a paragraph goes on in the next one.
            return
        line, self._line = self._line, Line()
        hanging, self._hanging = self._hanging, []
        text = line.text()
        level = self._styles.level(properties)
        if text.strip():
            yield (
                Item("text", text) if level is None else Item("heading", in_one_line(text), level)
            )
        yield from hanging

    def _runs(self, parent: Element, style: str) -> None:
        for one in children(parent):
            name = tag(one)
            if name == "w:r":
                self._run(one, style)
            elif name == "w:sdt":
                self._runs(_content(one), style)
            elif name == "w:fldSimple":
                field = _Field(attribute(one, "instr"), result=True)
                self._fields.append(field)
                self._runs(one, style)
                self._fields.remove(field)
            elif name in _WRAPPERS:
                self._runs(one, style)
            elif name in {"m:oMath", "m:oMathPara"}:
                formula(one, self._line)
            elif name == "w:subDoc":
                self._reading.miss("inserted document")

    def _run(self, run: Element, paragraph_style: str) -> None:
        properties = child(run, "w:rPr")
        own = child(properties, "w:rStyle")
        named = attribute(own, "val") if own is not None else ""
        styles = tuple(filter(None, (named, paragraph_style)))
        hidden = child(properties, "w:vanish")
        if is_on(hidden) if hidden is not None else self._styles.hidden(styles):
            if any(tag(one) == "w:t" and (one.text or "").strip() for one in run):
                self._reading.miss("passage of hidden text")
            return
        struck = [child(properties, "w:strike"), child(properties, "w:dstrike")]
        direct = any(one is not None for one in struck)
        if any(map(is_on, struck)) if direct else self._styles.struck(styles):
            if any(tag(one) == "w:t" and (one.text or "").strip() for one in run):
                self._reading.miss("passage of struck-out text")
            return
        alignment = child(properties, "w:vertAlign")
        self._inside(
            run,
            raised(alignment) if alignment is not None else self._styles.raised(styles),
            paragraph_style,
        )

    def _inside(self, run: Element, height: Raised, style: str) -> None:
        shown = all(field.shown for field in self._fields)
        for one in children(run):
            name = tag(one)
            if name == "w:fldChar":
                self._field(attribute(one, "fldCharType"))
                shown = all(field.shown for field in self._fields)
            elif name == "w:instrText" and self._fields:
                self._fields[-1].instruction += one.text or ""
            elif name == "w:ruby":
                base = child(one, "w:rubyBase")
                if base is not None:
                    self._runs(base, style)
            elif not shown or name in _DELETED:
                continue
            elif name == "w:t":
                self._line.add(one.text or "", height)
            elif name in _MARKS:
                self._line.add(_MARKS[name])
            elif name == "w:sym":
                self._symbol(one, height)
            elif name in _NOTES:
                self._note(_NOTES[name], attribute(one, "id"))
            elif name in _DRAWINGS:
                self._hanging += [
                    Item("aside", found.text) if found.kind == "text" else found
                    for found in self._apart(self._drawings.items, one)
                ]

    def _field(self, kind: str) -> None:
        if kind == "begin":
            self._fields.append(_Field())
        elif self._fields and kind == "separate":
            self._fields[-1].result = True
        elif self._fields and kind == "end":
            self._fields.pop()

    def _symbol(self, symbol: Element, height: Raised) -> None:
        code = int(attribute(symbol, "char", "0") or "0", 16)
        if not code or code in _SYMBOLS:
            # Its meaning is in the font's drawing alone.
            self._reading.miss("symbol of a picture font")
            self._line.add(" ")
        else:
            self._line.add(chr(code), height)

    def _note(self, kind: str, number: str) -> None:
        note = self._notes.get((kind, number))
        if note is None:
            self._reading.miss(kind.lower())
            return
        text = " ".join(item.text for item in self._apart(self.items, note)).strip()
        if text:
            self._hanging.append(Item("aside", f"{kind}: {text}"))

    def _apart(self, pieces: Callable[[Element], Iterator[Item]], element: Element) -> list[Item]:
        """What stands in a note or a drawing, read while a paragraph is still open."""
        saved = self._line, self._hanging, self._fields
        self._line, self._hanging, self._fields = Line(), [], []
        found = list(pieces(element))
        self._line, self._hanging, self._fields = saved
        return found

    def _table(self, table: Element) -> Iterator[Item]:
        above: dict[int, list[Item]] = {}
        for line in _through(table, "w:tr"):
            properties = child(line, "w:trPr")
            if child(properties, "w:del") is not None:
                continue
            at = _number(child(properties, "w:gridBefore"), 0)
            cells: list[list[Item]] = [[] for _ in range(min(at, 50))]
            for cell in _through(line, "w:tc"):
                about = child(cell, "w:tcPr")
                if child(about, "w:cellDel") is not None:
                    continue
                held = list(self.items(cell))
                merged = child(about, "w:vMerge")
                if merged is not None and attribute(merged, "val", "continue") != "restart":
                    held = held or above.get(at, [])
                above[at] = [item for item in held if item.kind == "text"]
                at += _number(child(about, "w:gridSpan"), 1)
                cells.append(held)
            yield from row(cells)


def _through(parent: Element, wanted: str) -> Iterator[Element]:
    """Rows of a table or cells of a row, also those in content controls and tracked insertions."""
    for one in children(parent):
        name = tag(one)
        if name == wanted:
            yield one
        elif name == "w:sdt":
            yield from _through(_content(one), wanted)
        elif name in _WRAPPERS:
            yield from _through(one, wanted)


def _content(control: Element) -> Element:
    """What stands in a content control; nothing where it shows its prompt."""
    content = child(control, "w:sdtContent")
    if content is None or is_on(child(control, "w:sdtPr", "w:showingPlcHdr")):
        return ()
    return content


def _number(element: Element | None, default: int) -> int:
    value = attribute(element, "val") if element is not None else ""
    return int(value) if value.isdigit() else default
