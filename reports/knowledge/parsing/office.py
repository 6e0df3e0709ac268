"""Word, PowerPoint and Excel files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
from docx.table import Table
from pptx.shapes.group import GroupShape

from reports.knowledge.model import Block, Document
from reports.knowledge.parsing.headings import Headings


def parse_word(path: Path) -> Document:
    """Read a Word file: paragraphs and table rows in reading order, under their headings."""
    word = docx.Document(str(path))
    headings = Headings()
    blocks: list[Block] = []
    for item in word.iter_inner_content():
        if isinstance(item, Table):
            blocks.extend(Block(text, headings.path) for text in _rows(item))
            continue
        style = (item.style.name or "") if item.style else ""
        if style == "Title":
            headings.open(0, item.text)
        elif style.startswith("Heading ") and style[8:].isdigit():
            headings.open(int(style[8:]), item.text)
        else:
            blocks.append(Block(item.text, headings.path))
    title = (word.core_properties.title or "").strip()
    return Document(title or headings.first or path.stem, _or_headings(blocks, headings))


def _or_headings(blocks: list[Block], headings: Headings) -> list[Block]:
    """A document of headings alone is still a text."""
    if any(block.text.strip() for block in blocks) or not headings.path:
        return blocks
    return [Block(headings.path)]


def parse_slides(path: Path) -> Document:
    """Read a PowerPoint file: a page a slide, its title as heading; notes belong to it."""
    deck = pptx.Presentation(str(path))
    blocks: list[Block] = []
    first = ""
    for number, slide in enumerate(deck.slides, start=1):
        title_shape = slide.shapes.title
        heading = " ".join(title_shape.text_frame.text.split()) if title_shape is not None else ""
        first = first or heading
        texts = list(_shapes(slide.shapes))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            texts.append(slide.notes_slide.notes_text_frame.text)
        blocks.extend(Block(text, heading, number) for text in texts)
    title = (deck.core_properties.title or "").strip()
    return Document(title or first or path.stem, blocks)


def _shapes(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        if isinstance(shape, GroupShape):
            yield from _shapes(shape.shapes)
        elif shape.has_text_frame:
            yield shape.text_frame.text
        elif shape.has_table:
            yield from _rows(shape.table)


def _rows(table: Any) -> Iterator[str]:
    """Rows of a table; python-docx gives a merged cell once for each column it spans."""
    for row in table.rows:
        texts: list[str] = []
        before: object = None
        for cell in row.cells:
            element = getattr(cell, "_tc", cell)
            if element is not before:
                texts.append(" ".join(cell.text.split()))
            before = element
        yield " | ".join(text for text in texts if text)


def parse_workbook(path: Path) -> Document:
    """Read an Excel file: a block a row, under the sheet's name; formulas by their last value."""
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        blocks: list[Block] = []
        for sheet in book.worksheets:
            # The stated size of a sheet is often wrong, and rows beyond it would be lost.
            sheet.reset_dimensions()
            for row in sheet.iter_rows(values_only=True):
                text = " | ".join(_cell(value) for value in row if value is not None)
                blocks.append(Block(text, sheet.title))
        title = (book.properties.title or "").strip()
    finally:
        book.close()
    return Document(title or path.stem, blocks)


def _cell(value: object) -> str:
    if isinstance(value, datetime) and value.time().isoformat() == "00:00:00":
        return value.date().isoformat()
    if isinstance(value, date | datetime):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, float):
        return f"{value:.15g}"
    return " ".join(str(value).split())
