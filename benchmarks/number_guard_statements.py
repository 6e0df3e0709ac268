"""True sentences about a table's answers, and the same with one thing wrong.

Belongs here: templates and alterations. Does not belong here: what the guard says to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from benchmarks.number_guard_tables import Answer, Table, compute
from reports.guard import Derivation, Value

ALTERATIONS = ("digit", "scale", "sign", "unit", "period", "entity")
_WORDS = {3: "thousand", 6: "million", 9: "billion"}


@dataclass(frozen=True)
class Statement:
    """A true sentence and what it is made of.

    Attributes:
        template: with ``{number}``, ``{a}``, ``{b}`` (labels), ``{p}``, ``{q}`` (periods of the
            first and second cell), ``{verb}``, ``{more}`` and ``{noun}`` (directions).
        table: of the cells.
        cells: those that are stated, or derived from.
        derivations: declared, one or none.
        result: the number stated, in the table's scale.
        places: decimals written.
        held_out: the template was not looked at while the guard was written.
    """

    template: str
    table: Table
    cells: tuple[Value, ...]
    derivations: tuple[Derivation, ...]
    result: Decimal
    places: int
    held_out: bool

    @property
    def directed(self) -> bool:
        """Whether a word, not a sign, says the direction."""
        return any(f"{{{word}}}" in self.template for word in ("verb", "more", "noun"))

    @property
    def unit(self) -> str:
        """``%``, ``pp``, ``x`` or a currency's symbol."""
        op = self.derivations[0].op if self.derivations else "value"
        if op == "ratio":
            return "x"
        if op in {"growth", "share"}:
            return "%"
        if self.cells[0].unit == "%":
            return "pp" if op == "difference" else "%"
        return self.table.currency if self.cells[0].unit else ""

    @property
    def scale(self) -> int:
        """Power of ten of the number stated."""
        return 0 if self.unit in {"%", "pp", "x"} else self.table.scale

    @property
    def text(self) -> str:
        """The true sentence."""
        return self.sentence(self.result)

    def sentence(self, result: Decimal, unit: str | None = None, scale: int | None = None) -> str:
        """The sentence with a number, in a unit and a scale."""
        down = result < 0
        shown = abs(result) if self.directed else result
        cells = self.cells
        second = cells[1] if len(cells) > 1 else cells[0]
        text = self.template.format(
            number=_written(
                shown, self.places,
                self.unit if unit is None else unit, self.scale if scale is None else scale,
            ),
            a=cells[0].names[0], b=second.names[0], p=cells[0].period, q=second.period,
            verb="decreased" if down else "increased", more="lower" if down else "higher",
            noun="decline" if down else "rise",
        )  # fmt: skip
        return text[0].upper() + text[1:]


def _written(number: Decimal, places: int, unit: str, scale: int) -> str:
    digits = f"{abs(number):,.{places}f}"
    word = f" {_WORDS[scale]}" if scale else ""
    sign = "-" if number < 0 else ""
    if unit == "%":
        return f"{sign}{digits} %"
    if unit == "pp":
        return f"{sign}{digits} percentage points"
    if unit == "x":
        return f"{sign}{digits}"
    return f"{sign}{unit}{digits}{word}"


_VALUE = (
    "{a} was {number} in {p}.",
    "In {p}, {a} amounted to {number}.",
    "{a} for {p}: {number}.",
)
_VALUE_HELD = (
    "{a} came in at {number} for {p}.",
    "At {number}, {a} for {p} was in line with plans.",
    "Looking at {p}, we see {a} of {number}.",
    "The company reported {a} of {number} for {p}.",
    "For {p}, the table gives {number} as {a}.",
    "{number} is what {a} came to in {p}.",
)
_OPS: dict[tuple[str, bool], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("difference", True): (
        (
            "From {q} to {p}, {a} {verb} by {number}.",
            "The change in {a} from {q} to {p} was {number}.",
        ),
        (
            "There was a {noun} of {number} in {a} from {q} to {p}.",
            "The {noun} in {a} from {q} to {p} amounted to {number}.",
            "{a} was {number} {more} in {p} than in {q}.",
            "{a} showed a {noun} of {number} in {p} compared with {q}.",
            "{a} moved by {number} between {q} and {p}.",
        ),
    ),
    ("growth", True): (
        (
            "{a} {verb} {number} from {q} to {p}.",
            "The percentage change in {a} from {q} to {p} was {number}.",
        ),
        (
            "Against {q}, {a} {verb} {number} in {p}.",
            "The year {p} saw a {number} {noun} in {a} relative to {q}.",
            "In {p}, {a} was {number} {more} than in {q}.",
            "Compared with {q}, {a} {verb} by {number} in {p}.",
            "Between {q} and {p} there was a {number} {noun} in {a}.",
        ),
    ),
    ("difference", False): (
        ("The difference between {a} and {b} in {p} was {number}.",),
        ("In {p}, {a} was {number} {more} than {b}.",),
    ),
    ("growth", False): ((), ()),
    ("mean", True): (
        ("The average {a} for {p} and {q} was {number}.",),
        (
            "The mean of {a} over {q} and {p} is {number}.",
            "{a} averaged {number} across {p} and {q}.",
            "On average, {a} came to {number} in {q} and {p}.",
        ),
    ),
    ("sum", True): (
        ("The sum of {a} for {p} and {q} was {number}.",),
        (
            "Adding up {q} and {p}, {a} reached {number} in total.",
            "{a} totalled {number} in {q} and {p} together.",
        ),
    ),
    ("sum", False): (
        ("The sum of {a} and {b} in {p} was {number}.",),
        (
            "Combined, {a} and {b} stood at {number} in {p}.",
            "In {p}, {a} and {b} together came to {number}.",
        ),
    ),
    ("mean", False): ((), ()),
    ("share", False): (
        (
            "{a} accounted for {number} of {b} in {p}.",
            "As a share of {b}, {a} was {number} in {p}.",
        ),
        (
            "The proportion of {a} in {b} for {p} stood at {number}.",
            "In {p}, {number} of {b} came from {a}.",
            "{a} made up {number} of {b} in {p}.",
        ),
    ),
    ("ratio", False): (
        ("The ratio of {a} to {b} in {p} was {number}.",),
        (
            "{a} was {number} times {b} in {p}.",
            "In {p}, {a} divided by {b} gives {number}.",
        ),
    ),
    ("share", True): (("{a} in {p} was {number} of that in {q}.",), ()),
    ("ratio", True): (("The ratio of {a} in {p} to that in {q} was {number}.",), ()),
}


def statements(table: Table) -> Iterator[Statement]:
    """Every template that fits, for every answer of a table."""
    for answer in table.answers:
        yield from _of(table, answer)


def _of(table: Table, answer: Answer) -> Iterator[Statement]:
    cells = answer.cells
    result = compute(answer.derivation, cells)
    derivations = (answer.derivation,) if answer.derivation else ()
    if answer.derivation is None:
        groups = (_VALUE, _VALUE_HELD)
        places = _places(cells[0])
    else:
        one_row = len({c.names for c in cells}) == 1
        one_column = len({c.period for c in cells}) == 1
        if len(cells) != 2 or one_row == one_column:
            return
        groups = _OPS.get((answer.derivation.op, one_row), ((), ()))
        places = 2
        if answer.derivation.op in {"difference", "sum"}:
            places = max(_places(c) for c in cells)
        if answer.derivation.op == "growth" and result == 0:
            return
    for held_out, templates in enumerate(groups):
        for template in templates:
            yield Statement(template, table, cells, derivations, result, places, bool(held_out))
            if places == 2 and not derivations:
                continue
            if derivations and derivations[0].op in {"growth", "share"} and abs(result) > 1:
                yield Statement(template, table, cells, derivations, result, 1, bool(held_out))


def _places(value: Value) -> int:
    exponent = Decimal(value.value).as_tuple().exponent  # type: ignore[arg-type]
    return -int(exponent) if int(exponent) < 0 else 0


def altered(statement: Statement, kind: str) -> str | None:
    """The statement with one thing wrong; None where that cannot be, or is true as well."""
    return _ALTER[kind](statement)


def _digit(statement: Statement) -> str | None:
    digits = f"{abs(statement.result):.{statement.places}f}"
    place = next((i for i in range(len(digits) - 1, -1, -1) if digits[i].isdigit()), 0)
    # The first digits are changed as often as the last.
    if len(digits) % 2:
        place = 0
    changed = str((int(digits[place]) + 3) % 9 + (1 if place == 0 else 0))
    if changed == digits[place] or (place == 0 and changed == "0"):
        changed = str((int(digits[place]) + 1) % 10 or 1)
    wrong = Decimal(digits[:place] + changed + digits[place + 1 :])
    wrong = -wrong if statement.result < 0 else wrong
    return None if _true(statement, wrong) else statement.sentence(wrong)


def _scale(statement: Statement) -> str | None:
    if statement.result == 0 or statement.unit in {"%", "pp", "x"}:
        return None
    other = {0: 3, 3: 6, 6: 9, 9: 6}[statement.scale]
    factor = Decimal(10) ** (other - statement.scale)
    if _true(statement, statement.result * factor):
        return None
    return statement.sentence(statement.result, scale=other)


def _sign(statement: Statement) -> str | None:
    if Decimal(f"{statement.result:.{statement.places}f}") == 0 or _true(
        statement, -statement.result
    ):
        return None
    return statement.sentence(-statement.result)


def _unit(statement: Statement) -> str | None:
    other = {"%": "pp", "pp": "%", "$": "€", "€": "$", "£": "$", "": "%", "x": "%"}[statement.unit]
    if statement.unit == "%" and len(statement.text) % 2:
        other = "$"
    return statement.sentence(statement.result, unit=other, scale=statement.scale)


def _period(statement: Statement) -> str | None:
    periods = sorted(
        {v.period for v in statement.table.values} - {c.period for c in statement.cells}
    )
    cells = statement.cells
    if not periods:
        ordered = statement.derivations and statement.derivations[0].op in {"difference", "growth"}
        if (
            not ordered
            or len({c.period for c in cells}) == 1
            or "between" in statement.template.lower()
        ):
            return None
        swapped = tuple(reversed(cells))
    else:
        old, new = cells[0].period, periods[0]
        swapped = tuple(replace(c, period=new) if c.period == old else c for c in cells)
    return _reworded(statement, swapped)


def _entity(statement: Statement) -> str | None:
    labels = sorted(
        {v.names[0] for v in statement.table.values} - {c.names[0] for c in statement.cells}
    )
    if not labels:
        return None
    old, new = statement.cells[0].names, labels[len(statement.text) % len(labels)]
    swapped = tuple(replace(c, names=(new,)) if c.names == old else c for c in statement.cells)
    return _reworded(statement, swapped)


def _reworded(statement: Statement, cells: Sequence[Value]) -> str | None:
    """The same number said of other cells, unless it is true of these."""
    read = []
    for cell in cells:
        same = [
            v
            for v in statement.table.values
            if _folded(v.names[0]) == _folded(cell.names[0]) and v.period == cell.period
        ]
        read.append(same)
    derivation = statement.derivations[0] if statement.derivations else None
    for combination in _combinations(read):
        try:
            value = compute(derivation, combination)
        except ArithmeticError:
            continue
        if _rounds(statement, statement.result, value) or _rounds(
            statement, statement.result, -value
        ):
            return None
    # The words of direction stay as they were: only the labels or periods change.
    return replace(statement, cells=tuple(cells)).sentence(statement.result)


def _combinations(read: Sequence[list[Value]]) -> Iterator[tuple[Value, ...]]:
    if not read:
        yield ()
        return
    for value in read[0]:
        for rest in _combinations(read[1:]):
            yield (value, *rest)


def _true(statement: Statement, wrong: Decimal) -> bool:
    """Whether another cell of the same label and period has the altered number."""
    if _rounds(statement, wrong, statement.result):
        return True
    if statement.derivations:
        return False
    cell = statement.cells[0]
    return any(
        _folded(v.names[0]) == _folded(cell.names[0]) and v.period == cell.period
        and _rounds(statement, wrong, Decimal(v.value))  # type: ignore[arg-type]
        for v in statement.table.values
    )  # fmt: skip


def _rounds(statement: Statement, written: Decimal, value: Decimal) -> bool:
    shown = Decimal(f"{written:.{statement.places}f}")
    return abs(shown - value) <= Decimal(1).scaleb(-statement.places) / 2


def _folded(label: str) -> str:
    return re.sub(r"\W+", " ", label).strip().lower()


_ALTER: dict[str, Callable[[Statement], str | None]] = {
    "digit": _digit,
    "scale": _scale,
    "sign": _sign,
    "unit": _unit,
    "period": _period,
    "entity": _entity,
}
