"""Excel files: cells as a person reads them.

Belongs here: SpreadsheetML (ISO/IEC 29500-1, 18), openpyxl's tables of formats and dates, and
xlfmt, which writes a number as Excel shows it. Does not belong here: calculating formulas.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from lxml import etree
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel
from xlfmt import format_value

from reports.knowledge.model import Document
from reports.knowledge.parsing.drawing import Drawings
from reports.knowledge.parsing.flow import MOST_GAPS, Line, row_text
from reports.knowledge.parsing.package import Element, Package, attribute, child, tag
from reports.knowledge.parsing.reading import Reading
from reports.knowledge.parsing.word_styles import is_on, raised

_SHEETS = {"worksheet"}
_MOST_COLUMNS = 16_384
_NAMED = 5
_OBJECTS = {"oleObject": "embedded object", "control": "form control"}


def parse_workbook(path: Path) -> Document:
    """Read an Excel file: a block a row, under the sheet's name; formulas by their last value.

    Numbers are written as the sheet shows them (0.125 in a percent format is 12.5%), days as ISO
    dates. Hidden sheets, rows, columns and cells are not read.

    Raises:
        RefusedError: it names no workbook.
        etree.XMLSyntaxError: a part is no XML.
    """
    with Package(path) as package:
        reading = Reading(path.name)
        main = package.main()
        root = package.xml(main)
        relations = package.relations(main)
        parts = {one.kind: one.part for one in relations.values() if one.part}
        book = _Book(package, parts, root, reading)
        sheets = child(root, "x:sheets")
        for one in sheets if sheets is not None else ():
            name = one.get("name", "")
            place = next((v for key, v in one.attrib.items() if key.endswith("}id")), "")
            sheet = relations.get(place)
            if sheet is None or sheet.kind not in _SHEETS:
                reading.flaw(f"sheet {name} holds no cells and is not read")
            elif one.get("state", "visible") != "visible":
                reading.flaw(f"sheet {name} is hidden and is not read")
            else:
                _Sheet(book, name, sheet.part).read()
        return reading.document(package.title(), path.stem)


class _Book:
    """What the sheets of a workbook share."""

    def __init__(
        self, package: Package, parts: dict[str, str], root: Element, reading: Reading
    ) -> None:
        self.package, self.reading = package, reading
        about = child(root, "x:workbookPr")
        self.since_1904 = about is not None and attribute(about, "date1904") in {"1", "true"}
        shared = package.xml(parts.get("sharedStrings", ""))
        self._strings = [rich_text(one, reading) for one in shared] if shared is not None else []
        self._formats = list(_formats(package.xml(parts.get("styles", ""))))

    def string(self, index: str) -> str:
        return self._strings[int(index)]

    def number(self, text: str, style: str) -> str:
        """A number as the sheet shows it; empty where its format hides it."""
        value = float(text)
        code = self._formats[int(style)] if style and int(style) < len(self._formats) else "General"
        first = code.split(";")[0]
        if is_date_format(code):
            epoch = CALENDAR_MAC_1904 if self.since_1904 else CALENDAR_WINDOWS_1900
            return _moment(from_excel(value, epoch, timedelta=is_timedelta_format(code)))
        plain = f"{value:.15g}" if not text.lstrip("+-").isdigit() else text
        if first.strip().casefold() in {"general", "@", ""} and ";" not in code:
            return plain
        try:
            shown = str(format_value(value, code, date1904=self.since_1904)).strip()
        except (ValueError, ArithmeticError, TypeError, IndexError):
            self.reading.flaw(f"the number format {code!r} is not understood: values are given raw")
            return plain
        return plain if shown.startswith("###") else shown


def _formats(styles: Element | None) -> Iterator[str]:
    """The number formats of a workbook's cell styles, by index."""
    own: dict[str, str] = {}
    numbers = child(styles, "x:numFmts")
    for one in numbers if numbers is not None else ():
        own[attribute(one, "numFmtId")] = attribute(one, "formatCode", "General")
    cells = child(styles, "x:cellXfs")
    for one in cells if cells is not None else ():
        number = attribute(one, "numFmtId", "0")
        yield own.get(number) or BUILTIN_FORMATS.get(int(number), "General")


def _moment(value: object) -> str:
    if isinstance(value, datetime) and value.time().isoformat() == "00:00:00":
        return value.date().isoformat()
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def rich_text(element: Element, reading: Reading) -> str:
    """The text of a string with runs; raised figures are marked, readings of kanji left out."""
    line = Line()
    for one in element:
        name = tag(one)
        if name == "x:t":
            line.add(one.text or "")
        elif name == "x:r":
            text = child(one, "x:t")
            about = child(one, "x:rPr")
            if text is not None and is_on(child(about, "x:strike")):
                reading.miss("passage of struck-out text")
            elif text is not None:
                line.add(text.text or "", raised(child(about, "x:vertAlign")))
    return line.text()


class _Sheet:
    """One sheet, read as a stream."""

    def __init__(self, book: _Book, name: str, part: str) -> None:
        self._book, self._name, self._part = book, name, part
        self._reading = book.reading
        self._hidden: set[int] = set()
        self._uncalculated: list[str] = []

    def read(self) -> None:
        with self._book.package.open(self._part) as stream:
            events = etree.iterparse(
                stream, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
            )
            for _, element in events:
                name = tag(element)
                if name == "x:col":
                    self._column(element)
                elif name == "x:row":
                    self._row(element)
                    # Rows that are read make room; their places stay as empty elements.
                    while element.getprevious() is not None:
                        del element.getparent()[0]
                    element.clear()
                elif name.removeprefix("x:") in _OBJECTS:
                    self._reading.miss(f"{_OBJECTS[name.removeprefix('x:')]} of sheet {self._name}")
        if self._uncalculated:
            named = ", ".join(self._uncalculated[:_NAMED])
            more = " …" if len(self._uncalculated) > _NAMED else ""
            count = len(self._uncalculated)
            self._reading.flaw(
                f"sheet {self._name}: {count} {'formula' if count == 1 else 'formulas'} without a "
                f"calculated value ({named}{more}): open and save the file in Excel"
            )
        self._beside()

    def _column(self, column: Element) -> None:
        if attribute(column, "hidden") in {"1", "true"}:
            last = min(int(column.get("max", "0")), _MOST_COLUMNS)
            self._hidden.update(range(int(column.get("min", "1")), last + 1))

    def _row(self, line: Element) -> None:
        hidden_row = attribute(line, "hidden") in {"1", "true"}
        cells: dict[int, str] = {}
        at = 0
        for cell in line:
            if tag(cell) != "x:c":
                continue
            place = cell.get("r", "")
            letters = place.rstrip("0123456789").replace("$", "")
            at = column_index_from_string(letters) if letters else at + 1
            text = " ".join(self._cell(cell, place).split())
            if text and (hidden_row or at in self._hidden):
                self._reading.miss(f"hidden cell of sheet {self._name}")
            elif text:
                cells[at] = text
        if cells:
            texts: list[str] = []
            before = 0
            for at in sorted(cells):
                # A cell in the last column must not cost 16,384 steps in each row.
                texts += [""] * min(at - before - 1, MOST_GAPS + 1) + [cells[at]]
                before = at
            self._reading.add(row_text(texts), heading=self._name)

    def _cell(self, cell: Element, place: str) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            inline = child(cell, "x:is")
            return rich_text(inline, self._reading) if inline is not None else ""
        held = child(cell, "x:v")
        value = (held.text or "") if held is not None else ""
        if not value.strip():
            # A formula may give an empty text; then the file says that it is one.
            if child(cell, "x:f") is not None and kind != "str":
                self._uncalculated.append(place)
            return ""
        if kind == "s":
            return self._book.string(value)
        if kind == "b":
            return "TRUE" if value.strip() in {"1", "true"} else "FALSE"
        if kind != "n":
            return value
        shown = self._book.number(value.strip(), cell.get("s", ""))
        if not shown:
            self._reading.miss(f"hidden cell of sheet {self._name}")
        return shown

    def _beside(self) -> None:
        """Drawings and comments, which are parts of their own."""
        for relation in self._book.package.relations(self._part).values():
            if relation.kind == "drawing":
                root = self._book.package.xml(relation.part)
                drawings = Drawings(self._book.package, self._reading, relation.part)
                for item in drawings.items(root) if root is not None else ():
                    self._reading.add(item.text, heading=self._name)
            elif relation.kind == "comments":
                root = self._book.package.xml(relation.part)
                for one in root.iter() if root is not None else ():
                    if tag(one) == "x:comment":
                        self._reading.miss(f"comment of sheet {self._name}")
