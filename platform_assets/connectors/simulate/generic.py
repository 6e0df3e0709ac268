"""Rows for any contract, from its types and rules alone: a new topic can be tried at once."""

from __future__ import annotations

import random
from re import _constants as sre_constants  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np

from platform_assets.connectors.simulate import world
from platform_assets.connectors.simulate.streams import Drawn
from platform_assets.contracts.model import Column, Contract, LogicalType, Rule

_ENTITIES = 1000
"""Distinct keys of a change topic."""
_MOST_REPEATS = 6


class Generic:
    """Random rows that keep the contract's rules; change topics get creations and updates."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._known: dict[Any, dict[str, Any]] = {}

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`."""
        rows = random.Random(int(rng.integers(1 << 62)))  # noqa: S311 - made-up data
        after = {
            column.name: [self._value(rows, column, start) for _ in range(count)]
            for column in self._contract.payload_columns
        }
        self._guarded(rows, after, count)
        times = np.sort(world.draw_moments(rng, count, start, end))
        if self._contract.kind == "append":
            return Drawn(times, after)
        return self._changes(rows, times, after)

    def _changes(
        self, rows: random.Random, times: world.Ints, after: dict[str, list[Any]]
    ) -> Drawn:
        """Keys come from a small set, so that entities change; ``before`` is the last ``after``."""
        names = list(after)
        ops, befores = [], []
        for row in range(len(times)):
            number = rows.randrange(_ENTITIES)
            keyed = random.Random(number)  # noqa: S311
            for name in self._contract.key:
                if name in after:
                    after[name][row] = self._value(keyed, self._contract.column(name), 0)
            key = tuple(after[name][row] for name in self._contract.key if name in after)
            known = self._known.get(key)
            befores.append(known)
            ops.append("c" if known is None else "u")
            self._known[key] = {name: after[name][row] for name in names}
        return Drawn(
            times,
            after,
            ops=ops,
            before={name: [b[name] if b else None for b in befores] for name in names},
            has_after=[True] * len(times),
            has_before=[b is not None for b in befores],
        )

    def _guarded(self, rows: random.Random, after: dict[str, list[Any]], count: int) -> None:
        for rule in self._contract.rules:
            if rule.when is None or rule.column not in after or rule.when.column not in after:
                continue
            guard, column = after[rule.when.column], self._contract.column(rule.column)
            for row in range(count):
                if guard[row] == rule.when.equals:
                    after[rule.column][row] = _obeying(rows, column, [rule])

    def _value(self, rows: random.Random, column: Column, start: int) -> Any:
        rules = [rule for rule in self._contract.rules if rule.column == column.name]
        rules = [rule for rule in rules if rule.when is None]
        if column.type is LogicalType.TIMESTAMP:
            return start
        return _obeying(rows, column, rules)


def _obeying(rows: random.Random, column: Column, rules: list[Rule]) -> Any:  # noqa: PLR0911
    """A value of the column's type that keeps the rules."""
    values = [rule.values for rule in rules if rule.check == "one_of"]
    if values:
        return rows.choice(values[0])
    if column.type is LogicalType.STRING:
        patterns = [rule.pattern for rule in rules if rule.check == "matches" and rule.pattern]
        if patterns:
            return _matching(rows, sre_parser.parse(patterns[0]))
        return f"{column.name}-{rows.randrange(_ENTITIES)}"
    if column.type is LogicalType.BOOLEAN:
        return rows.random() < 0.5
    low, high = _bounds(rules)
    if column.type is LogicalType.NUMBER:
        return low if low == high else round(max(low + 0.01, rows.uniform(low, high)), 2)
    if column.type is LogicalType.DATE:
        return rows.randrange(18_000, 21_000)
    return rows.randint(int(low), int(high))


def _bounds(rules: list[Rule]) -> tuple[float, float]:
    between = [rule for rule in rules if rule.check == "between"]
    lows = [
        rule.minimum + (1 if rule.exclusive_minimum else 0)
        for rule in between
        if rule.minimum is not None
    ]
    highs = [rule.maximum for rule in between if rule.maximum is not None]
    low = max(lows) if lows else min([0.0, *highs])
    return low, min(highs) if highs else low + 1000


def _matching(rows: random.Random, parsed: Any) -> str:
    """A string that the parsed pattern matches; enough of the language for contracts."""
    return "".join(_part(rows, kind, value) for kind, value in parsed)


def _part(rows: random.Random, kind: Any, value: Any) -> str:
    if kind is sre_constants.LITERAL:
        return chr(value)
    if kind is sre_constants.IN:
        return _one_of_class(rows, value)
    if kind in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
        least, most, inner = value
        times = rows.randint(least, min(int(most), max(least, _MOST_REPEATS)))
        return "".join(_matching(rows, inner) for _ in range(times))
    if kind is sre_constants.SUBPATTERN:
        return _matching(rows, value[-1])
    if kind is sre_constants.BRANCH:
        return _matching(rows, rows.choice(value[1]))
    return "x" if kind in (sre_constants.ANY, sre_constants.NOT_LITERAL) else ""


def _one_of_class(rows: random.Random, members: Any) -> str:
    if members[0][0] is sre_constants.NEGATE:
        return rows.choice("abcdefghijklmnopqrstuvwxyz")
    kind, value = rows.choice(members)
    if kind is sre_constants.LITERAL:
        return chr(value)
    if kind is sre_constants.RANGE:
        return chr(rows.randint(*value))
    return {
        sre_constants.CATEGORY_DIGIT: str(rows.randrange(10)),
        sre_constants.CATEGORY_SPACE: " ",
    }.get(value, "a")
