"""Text as it flows: runs become lines, lines become cells, cells become rows.

Belongs here: what all formats share once their markup is understood. Does not belong here: any
markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Raised = Literal["", "^", "_"]
"""On the line, above it or below it."""

_ORDINALS = {"st", "nd", "rd", "th", "er", "re", "e", "o", "a", "de", "te", "ème", "º", "ª"}
_LONGEST_MARK = 12
"""A longer raised text is decoration, not an exponent or a mark."""
_NUMBERS_MEET = re.compile(r"(?<=[\d%)])\t\s*(?=[\d(+\-−–.,€$£¥])")
_ENDS_A_NUMBER = re.compile(r"[\d%)]\Z")
_STARTS_A_NUMBER = re.compile(r"[\d(+\-−–.,€$£¥]")
MOST_GAPS = 8
"""Empty cells in a row that keep their places."""


@dataclass(frozen=True)
class Item:
    """A piece of a page in reading order.

    Attributes:
        kind: ``text``, ``row`` (of a table), ``aside`` (a note or text box that hangs on the piece
            before it) or ``heading``.
        text: plain text.
        level: of a heading; 0 is a title.
    """

    kind: Literal["text", "row", "aside", "heading"]
    text: str
    level: int = 0


class Line:
    """A paragraph put together run by run.

    A raised figure is written ``1,234^2`` and a lowered one behind a figure ``12_3``: neither may
    become a digit of the number before it. Ordinals (``1st``) and formulas (``CO2``) stay plain.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[Raised, str]] = []

    def add(self, text: str, raised: Raised = "") -> None:
        """Append a run."""
        if raised and self._runs and self._runs[-1][0] == raised:
            self._runs[-1] = (raised, self._runs[-1][1] + text)
        elif text:
            self._runs.append((raised, text))

    def text(self) -> str:
        """The paragraph; a tab between two numbers is written `` | ``."""
        parts: list[str] = []
        for at, (raised, run) in enumerate(self._runs):
            if raised and run.strip():
                left = next((part[-1] for part in reversed(parts) if part), "")
                right = self._runs[at + 1][1][:1] if at + 1 < len(self._runs) else ""
                parts.append(_marked(raised, run, left, right))
            else:
                parts.append(run)
        return _NUMBERS_MEET.sub(" | ", "".join(parts))

    def __bool__(self) -> bool:
        return any(run.strip() for _, run in self._runs)


def _marked(raised: Raised, run: str, left: str, right: str) -> str:
    mark = run.strip()
    if len(mark) > _LONGEST_MARK:
        return f" {mark} "
    if not (mark[0].isalnum() or mark[0] in "+-−–"):
        return run
    if raised == "^" and left.isdigit() and mark.casefold() in _ORDINALS:
        return run
    glued = right.isalnum() and not run[-1].isspace()
    digits_meet = left.isdigit() and mark[0].isdigit()
    if raised == "_" and not digits_meet and not (glued and mark[-1].isdigit() and right.isdigit()):
        return run
    before = run[: len(run) - len(run.lstrip())]
    after = run[len(run.rstrip()) :]
    return f"{before}{raised}({mark}){after}" if glued else f"{before}{raised}{mark}{after}"


def join_lines(lines: Iterable[str]) -> str:
    """The lines of a cell in one; where two numbers would meet, a stroke stands between."""
    joined = ""
    for line in lines:
        text = " ".join(line.split())
        if not text:
            continue
        meet = _ENDS_A_NUMBER.search(joined) and _STARTS_A_NUMBER.match(text)
        joined = f"{joined}{' / ' if meet else ' '}{text}" if joined else text
    return joined


def row_text(cells: Sequence[str]) -> str:
    """A row of a table; an empty cell keeps its place, so that no value slides under another head.

    Long runs of empty cells are cut short.
    """
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    shown: list[str] = []
    gap = 0
    for text in texts:
        gap = 0 if text else gap + 1
        if gap <= MOST_GAPS:
            shown.append(text)
        elif gap == MOST_GAPS + 1:
            shown.append("…")
    return " | ".join(shown)


def row(cells: Sequence[Sequence[Item]], layout: bool = False) -> Iterator[Item]:
    """A row from what stands in its cells.

    Tables also arrange a page. Where a cell holds a heading or a table of its own, and where a row
    has one cell, what it holds is passed on piece by piece.

    Args:
        cells: what stands in each.
        layout: the table is known to arrange a page.
    """
    held = [item for cell in cells for item in cell]
    parts = any(item.kind in {"row", "heading"} for item in held)
    if layout or parts or len(cells) == 1:
        yield from held
        return
    texts = [
        join_lines(line for item in cell if item.kind == "text" for line in item.text.split("\n"))
        for cell in cells
    ]
    if any(texts):
        yield Item("row", row_text(texts))
    yield from (item for item in held if item.kind == "aside")
