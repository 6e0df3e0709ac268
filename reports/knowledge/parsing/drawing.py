"""DrawingML: text in shapes, tables on slides, diagrams, and pictures, which are not read.

Belongs here: what Word, PowerPoint and Excel files have in common. Does not belong here: where
each of them places a drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reports.knowledge.parsing.flow import Item, Line, Raised, join_lines, row
from reports.knowledge.parsing.package import Element, Package, attribute, child, children, tag
from reports.knowledge.parsing.reading import Reading

_OFF = {"", "0", "false", "off", "noStrike", "none"}
_UNREAD = {
    "pic:pic": "picture", "p:pic": "picture", "xdr:pic": "picture", "v:imagedata": "picture",
    "c:chart": "chart", "cx:chart": "chart", "p:oleObj": "embedded object",
    "o:OLEObject": "embedded object", "w:control": "form control", "p:contentPart": "ink drawing",
    "videoFile": "video", "a:videoFile": "video", "a:audioFile": "sound",
    "p:controls": "form control",
}  # fmt: skip


class Drawings:
    """Reads the drawings of one part."""

    def __init__(
        self,
        package: Package,
        reading: Reading,
        part: str,
        text_box: Callable[[Element], Iterator[Item]] | None = None,
    ) -> None:
        """For a part that drawings stand in.

        Args:
            package: the file.
            reading: told what is not read.
            part: the part.
            text_box: reads Word's text boxes, which hold paragraphs of Word.
        """
        self._package, self._reading, self._text_box = package, reading, text_box
        self._relations = package.relations(part)
        self._diagrams: set[str] = set()

    def items(self, element: Element, page: int | None = None) -> Iterator[Item]:
        """The texts in a drawing, and a flaw for what is not read."""
        todo = [element]
        while todo:
            one = todo.pop()
            name = tag(one)
            if name in _UNREAD:
                self._reading.miss(_what(one, name), page)
            elif name == "w:txbxContent" and self._text_box is not None:
                yield from self._text_box(one)
            elif name == "a:tbl":
                yield from self._table(one)
            elif name in {"a:txBody", "p:txBody", "xdr:txBody", "dgm:t"}:
                if text := body_text(one, self._reading):
                    yield Item("text", text)
            elif name == "dgm:relIds":
                yield from self._diagram(attribute(one, "dm"))
            elif name == "v:textpath":
                yield Item("text", attribute(one, "string"))
            elif _is_hidden(one):
                self._reading.miss("hidden shape", page)
            else:
                todo.extend(reversed(list(children(one))))

    def _table(self, table: Element) -> Iterator[Item]:
        above: dict[int, list[Item]] = {}
        for line in children(table):
            if tag(line) != "a:tr":
                continue
            cells: list[list[Item]] = []
            for at, cell in enumerate(one for one in children(line) if tag(one) == "a:tc"):
                if attribute(cell, "hMerge") not in _OFF:
                    continue
                body = child(cell, "a:txBody")
                text = body_text(body, self._reading) if body is not None else ""
                held = [Item("text", text)] if text else []
                if attribute(cell, "vMerge") not in _OFF:
                    held = above.get(at, [])
                above[at] = held
                cells.append(held)
            yield from row(cells)

    def _diagram(self, relation: str) -> Iterator[Item]:
        data = self._relations.get(relation)
        if data is None or data.part in self._diagrams:
            return
        self._diagrams.add(data.part)
        root = self._package.xml(data.part)
        if root is None:
            self._reading.miss("diagram")
            return
        for one in root.iter():
            if tag(one) == "dgm:t" and (text := body_text(one, self._reading)):
                yield Item("text", text)


def _what(element: Element, name: str) -> str:
    """What an unread element is called: a film is kept as a picture that plays."""
    names = {tag(one) for one in element.iter()} if name == "p:pic" else set()
    for kind in ("a:videoFile", "a:audioFile"):
        if kind in names:
            return _UNREAD[kind]
    return _UNREAD[name]


def _is_hidden(element: Element) -> bool:
    for one in element:
        if (tag(one).rpartition(":")[2]).startswith("nv"):
            return any(attribute(inner, "hidden") not in _OFF for inner in one)
    return False


def body_text(body: Element, reading: Reading) -> str:
    """The paragraphs of a shape, a line each."""
    lines = [paragraph_text(one, reading) for one in children(body) if tag(one) == "a:p"]
    return "\n".join(line for line in lines if line.strip())


def paragraph_text(paragraph: Element, reading: Reading) -> str:
    """One paragraph of a shape."""
    line = Line()
    for run in children(paragraph):
        name = tag(run)
        if name == "a:br":
            line.add("\n")
        elif name == "a:r" or (name == "a:fld" and attribute(run, "type") != "slidenum"):
            properties = child(run, "a:rPr")
            text = child(run, "a:t")
            if text is None:
                continue
            if properties is not None and attribute(properties, "strike") not in _OFF:
                reading.miss("passage of struck-out text")
                continue
            line.add(text.text or "", _raised(properties))
        elif name in {"m", "m:oMath", "m:oMathPara"}:
            formula(run, line)
    return line.text()


def _raised(properties: Element | None) -> Raised:
    if properties is None:
        return ""
    baseline = attribute(properties, "baseline", "0").rstrip("%")
    try:
        height = float(baseline)
    except ValueError:
        return ""
    return "^" if height > 0 else "_" if height < 0 else ""


def formula(element: Element, line: Line, raised: Raised = "") -> None:
    """A formula on one line: powers raised, fractions with a stroke."""
    for one in children(element):
        name = tag(one)
        if name == "m:t":
            line.add(one.text or "", raised)
        elif name == "m:f":
            line.add("(", raised)
            _part(one, "m:num", line, raised)
            line.add(")/(", raised)
            _part(one, "m:den", line, raised)
            line.add(")", raised)
        elif name == "m:sup":
            formula(one, line, "^")
        elif name == "m:sub":
            formula(one, line, "_")
        else:
            formula(one, line, raised)


def _part(element: Element, name: str, line: Line, raised: Raised) -> None:
    part = child(element, name)
    if part is not None:
        formula(part, line, raised)


def in_one_line(text: str) -> str:
    """A text of several lines as a heading."""
    return join_lines(text.split("\n"))
