"""TAT-QA's tables as values, and its answers as cells and operations.

Belongs here: reading the data set. Does not belong here: sentences about it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from reports.guard import Derivation, Value

_SCALES = {"thousand": 3, "million": 6, "billion": 9}
_NUMBER = re.compile(r"\$?\s?\(?-?\$?\s?\d[\d,]*(?:\.\d+)?\)?\s?%?\)?")


@dataclass(frozen=True)
class Answer:
    """A gold answer: a cell, or an operation on cells."""

    cells: tuple[Value, ...]
    derivation: Derivation | None
    gold: Decimal


@dataclass
class Table:
    """A table: a value a cell, and its answers.

    Attributes:
        scale: power of ten of what is counted in.
        currency: symbol, or empty.
    """

    values: list[Value] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    scale: int = 0
    currency: str = ""


def read_tables(document: Sequence[dict[str, Any]]) -> list[Table]:
    """Every table, with the answers that its cells reproduce."""
    return [_table(entry) for entry in document]


def number(cell: str) -> Decimal | None:
    """A cell's number; brackets are a minus."""
    text = cell.replace(" ", "")
    if not re.fullmatch(r"[$€£]?\(?[$€£]?-?[$€£]?\d[\d,]*(?:\.\d+)?%?\)?%?", text):
        return None
    try:
        value = Decimal(re.sub(r"[^\d.]", "", text))
    except InvalidOperation:
        return None
    return -value if "(" in text or "-" in text else value


def _table(entry: dict[str, Any]) -> Table:
    rows: list[list[str]] = entry["table"]["table"]
    questions = entry["questions"]
    table = Table()
    scales = Counter(q["scale"] for q in questions if q["scale"] in _SCALES)
    table.scale = _SCALES[scales.most_common(1)[0][0]] if scales else 0
    joined = " ".join(cell for row in rows for cell in row)
    table.currency = next((mark for mark in "$€£" if mark in joined), "")
    head = 0
    for row in rows:
        if any(_is_datum(cell) for cell in row[1:]):
            break
        head += 1
    width = max(len(row) for row in rows)
    headers = [_header([row[c] for row in rows[:head] if c < len(row)]) for c in range(width)]
    for r, row in enumerate(rows[head:], head):
        label = re.sub(r"\s*\(\d\)|\s*:$", "", row[0]).strip()
        if not re.search(r"[A-Za-z]{2}", label):
            continue
        for c, cell in enumerate(row[1:], 1):
            value = number(cell)
            if value is not None and headers[c]:
                table.values.append(_value(table, f"r{r}c{c}", value, cell, label, headers[c]))
    cells = {f"r{r}c{c}": cell for r, row in enumerate(rows) for c, cell in enumerate(row)}
    for question in questions:
        table.answers.extend(_answers(table, cells, question))
    return table


def _is_datum(cell: str) -> bool:
    return number(cell) is not None and not re.fullmatch(r"(?:19|20)\d\d", cell.strip())


def _header(cells: Sequence[str]) -> str:
    """A column's year, date or words; empty where it has none of its own."""
    text = " ".join(cell.strip() for cell in cells if cell.strip() not in {"", "$"}).strip()
    years = re.findall(r"\b(?:19|20)\d\d\b", text)
    quarter = re.search(r"\b(Q[1-4])\b", text)
    if len(set(years)) == 1:
        return f"{quarter.group(1)} {years[0]}" if quarter else years[0]
    return "" if years or not text or re.search(r"\d", text) else text


def _value(table: Table, name: str, value: Decimal, cell: str, label: str, header: str) -> Value:
    percent = "%" in cell or "%" in label
    unit = "%" if percent else {"$": "USD", "€": "EUR", "£": "GBP"}.get(table.currency, "")
    scale = Decimal(1) if percent else Decimal(10) ** table.scale
    return Value(name, value, unit, (label,), "", header, scale=scale)


def _answers(table: Table, cells: dict[str, str], question: dict[str, Any]) -> Iterator[Answer]:
    answer = question["answer"]
    if question["answer_type"] == "span" and len(answer) == 1:
        gold = number(str(answer[0]))
        found = [v for v in table.values if v.value == gold and cells[v.id].strip()]
        if gold is not None and len(found) == 1:
            yield Answer((found[0],), None, gold)
        return
    if question["answer_type"] != "arithmetic":
        return
    gold = Decimal(str(answer))
    derivation = question["derivation"].replace("[", "(").replace("]", ")")
    numbers = [
        abs(n)
        for text in re.findall(_NUMBER, derivation)
        if (n := number(text.strip("()%$ "))) is not None
    ]
    shape = re.sub(r"[\d.,]+%?", "n", re.sub(r"[\s$]", "", derivation))
    shape = shape.replace("(n)", "n").replace("-n)/n", "-n)/n")
    operation = _operation(shape, numbers)
    if operation is None:
        return
    op, wanted = operation
    if op == "share_or_ratio":
        op = "share" if question["scale"] == "percent" else "ratio"
    picked = _pick(table.values, wanted)
    if picked is None:
        return
    made = Answer(picked, Derivation(op, tuple(v.id for v in picked)), gold)  # type: ignore[arg-type]
    if len({v.unit for v in picked}) == 1 and abs(
        compute(made.derivation, picked) - gold
    ) <= Decimal("0.0051"):
        yield made


def _operation(shape: str, numbers: list[Decimal]) -> tuple[str, list[Decimal]] | None:  # noqa: PLR0911 - a case a line
    if shape in {"(n-n)/n", "((n-n)/n)"} and len(numbers) == 3 and numbers[1] == numbers[2]:
        return "growth", numbers[:2]
    if shape in {"n/n-n", "(n/n)-n"} and len(numbers) == 3 and numbers[2] == 1:
        return "growth", numbers[:2]
    if shape in {"n-n", "(n-n)"} and len(numbers) == 2:
        return "difference", numbers
    if shape in {"n/n", "(n/n)"} and len(numbers) == 2:
        return "share_or_ratio", numbers
    if re.fullmatch(r"\(n(?:\+n)+\)/n", shape) and numbers[-1] == len(numbers) - 1:
        return "mean", numbers[:-1]
    if re.fullmatch(r"\(?n(?:\+n)+\)?", shape):
        return "sum", numbers
    return None


def _pick(values: Sequence[Value], wanted: Sequence[Decimal]) -> tuple[Value, ...] | None:
    """Cells with these magnitudes: of one row, or else of one column; None if not unique."""
    for key in (lambda v: v.names, lambda v: v.period):
        found: list[tuple[Value, ...]] = []
        for group in {key(v) for v in values}:
            members = [v for v in values if key(v) == group]
            picked = [[v for v in members if abs(v.exact / v.scale) == n] for n in wanted]
            if all(len(p) == 1 for p in picked):
                found.append(tuple(p[0] for p in picked))
        if len(found) == 1 and len({v.id for v in found[0]}) == len(wanted):
            return found[0]
    return None


def compute(derivation: Derivation | None, of: Sequence[Value]) -> Decimal:  # noqa: PLR0911 - a case a line
    """The result in the table's own scale, by formulas of its own: the guard's are under test."""
    numbers = [Decimal(v.value) for v in of]  # type: ignore[arg-type]
    op = derivation.op if derivation else "value"
    if op == "value":
        return numbers[0]
    if op == "difference":
        return numbers[0] - numbers[1]
    if op == "sum":
        return sum(numbers, Decimal(0))
    if op == "mean":
        return sum(numbers, Decimal(0)) / len(numbers)
    if not numbers[1]:
        return Decimal("NaN")
    if op == "growth":
        return (numbers[0] - numbers[1]) / abs(numbers[1]) * 100
    return numbers[0] / numbers[1] * (100 if op == "share" else 1)
