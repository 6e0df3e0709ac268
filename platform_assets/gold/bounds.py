"""Whether what a contract lets pass fits the types that gold casts it to.

One value past a decimal's digits stops the model that casts it, for every date that holds the
value. So each number that gold casts has bounds in its contract, and the bounds fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlglot import exp

from platform_assets.contracts.model import Contract, LogicalType
from platform_assets.core.naming import TableName
from platform_assets.gold.columns import EITHER, GoldModel, leaf_of

ROWS = 1e9
"""Rows that a sum of whole numbers is taken over at most; a sum of decimals has digits to spare."""

_LARGEST = {exp.DType.TINYINT: 2.0**7, exp.DType.SMALLINT: 2.0**15, exp.DType.INT: 2.0**31,
            exp.DType.BIGINT: 2.0**63}  # fmt: skip
_COUNTED = 1e15
"""More than any count, place or difference of times."""

Leaf = tuple[TableName, str]
Limits = Mapping[Leaf, float | None]


@dataclass(frozen=True)
class Misfit:
    """A column that gold cannot hold for every value that its contract lets pass.

    Attributes:
        table, column: where in silver.
        model: the gold table that casts or sums it.
        message: what does not fit, and what to do.
    """

    table: TableName
    column: str
    model: TableName
    message: str


def misfits(contracts: Iterable[Contract], models: Iterable[GoldModel]) -> list[Misfit]:
    """Columns whose bounds do not fit what gold does with them, each once a model."""
    limits: dict[Leaf, float | None] = {}
    whole: set[Leaf] = set()
    for contract in contracts:
        for column in contract.columns:
            for table in contract.tables:
                limits[table, column.name] = limit_of(contract, column.name)
                if column.type is LogicalType.INTEGER:
                    whole.add((table, column.name))
    found: dict[tuple[Leaf, TableName], Misfit] = {}
    for model in models:
        for definition in model.columns.values():
            for node, room, what in _narrow(definition, whole):
                size = largest(node, limits)
                if size is not None and size < room:
                    continue
                for leaf in map(leaf_of, node.find_all(exp.Column)):
                    if leaf not in limits:
                        continue
                    bound = limits[leaf]
                    told = "has no bounds" if bound is None else f"may be as large as {bound:g}"
                    message = (
                        f"column {leaf[1]} {told}, and {model.table.sql} {what}, which holds less "
                        f"than {room:g}: give it a minimum and a maximum that fit"
                    )
                    found.setdefault((leaf, model.table), Misfit(*leaf, model.table, message))
    return list(found.values())


def limit_of(contract: Contract, column: str) -> float | None:
    """The greatest absolute value that the contract's rules let pass; None: any."""
    least, greatest = [], []
    for rule in contract.rules:
        if rule.column != column or rule.when is not None:
            continue
        if rule.check == "between":
            least += [] if rule.minimum is None else [rule.minimum]
            greatest += [] if rule.maximum is None else [rule.maximum]
        elif rule.check == "one_of" and all(isinstance(v, int | float) for v in rule.values):
            least.append(min(map(float, rule.values)))
            greatest.append(max(map(float, rule.values)))
    if least and greatest:
        return max(abs(max(least)), abs(min(greatest)))
    if contract.column(column).type is LogicalType.INTEGER:
        return 2.0**63
    return None


def largest(node: Any, limits: Limits) -> float | None:
    """The greatest absolute value of a definition; None: it has no bound that can be told."""
    of = partial(largest, limits=limits)
    for kinds, rule in _RULES:
        if isinstance(node, kinds):
            return rule(node, of)
    if isinstance(node, exp.Column):
        return limits.get(leaf_of(node))
    return None


def _narrow(definition: exp.Expr, whole: set[Leaf]) -> Iterable[tuple[exp.Expr, float, str]]:
    """Operands that must fit: the operand, how much fits, and what is done with it."""
    for cast in definition.find_all(exp.Cast):
        kind = cast.to
        if kind.this == exp.DType.DECIMAL and kind.expressions:
            digits, places = [int(one.name) for one in kind.expressions]
            yield cast.this, 10.0 ** (digits - places), f"casts it to {kind.sql().lower()}"
        elif kind.this in _LARGEST:
            yield cast.this, _LARGEST[kind.this], f"casts it to {kind.sql().lower()}"
    for total in definition.find_all(exp.Sum):
        if _is_whole(total.this, whole):
            yield total.this, _LARGEST[exp.DType.BIGINT] / ROWS, "adds it up in a bigint"
    for product in definition.find_all(exp.Mul):
        if _is_whole(product, whole):
            yield product, _LARGEST[exp.DType.BIGINT], "multiplies it in a bigint"


def _is_whole(node: Any, whole: set[Leaf]) -> bool:
    """Whether an operand is a bigint that comes from silver."""
    if isinstance(node, exp.Column):
        return leaf_of(node) in whole
    if isinstance(node, exp.Literal):
        return not node.is_string and node.name.isdigit()
    if isinstance(node, exp.Paren | exp.Neg | exp.Abs | exp.Nullif):
        return _is_whole(node.this, whole)
    parts = _values(node)
    return bool(parts) and all(_is_whole(part, whole) for part in parts)


def _values(node: Any) -> list[Any]:
    """The parts of which a node takes one, or which it adds or multiplies; conditions are none."""
    if isinstance(node, exp.If):
        parts = [node.args.get("true"), node.args.get("false")]
    elif isinstance(node, exp.Case):
        parts = [branch.args.get("true") for branch in node.args.get("ifs") or ()]
        parts.append(node.args.get("default"))
    elif isinstance(node, exp.Coalesce | exp.Greatest | exp.Least | exp.Binary) or (
        isinstance(node, exp.Anonymous) and node.name == EITHER
    ):
        parts = list(node.iter_expressions())
    else:
        parts = []
    return [part for part in parts if part is not None and not isinstance(part, exp.Null)]


Of = Callable[[Any], float | None]
Rule = Callable[[Any, Of], float | None]


def _most(node: Any, of: Of) -> float | None:
    sizes = [of(part) for part in _values(node)]
    known = [size for size in sizes if size is not None]
    return max(known, default=0.0) if len(known) == len(sizes) else None


def _together(node: Any, of: Of) -> float | None:
    left, right = of(node.left), of(node.right)
    if left is None or right is None:
        return None
    return left * right if isinstance(node, exp.Mul) else left + right


def _divided(node: Any, of: Of) -> float | None:
    left = of(node.left)
    by = node.right
    constant = isinstance(by, exp.Literal) and not by.is_string and float(by.name) != 0
    return left / float(by.name) if left is not None and constant else None


def _summed(node: Any, of: Of) -> float | None:
    inner = of(node.this)
    return None if inner is None else inner * ROWS


_RULES: tuple[tuple[tuple[type[Any], ...], Rule], ...] = (
    ((exp.Literal,), lambda node, _: None if node.is_string else abs(float(node.name))),
    ((exp.Null, exp.Boolean), lambda _node, _: 0.0),
    ((exp.Sum,), _summed),
    ((exp.Count, exp.CountIf, exp.ApproxDistinct, exp.DateDiff), lambda _node, _: _COUNTED),
    ((exp.Paren, exp.Cast, exp.Neg, exp.Abs, exp.Round, exp.Ceil, exp.Floor, exp.Min, exp.Max,
      exp.Avg, exp.Nullif, exp.Window, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
      exp.ArgMin, exp.ArgMax, exp.AnyValue, exp.Distinct, exp.Filter),
     lambda node, of: of(node.this)),
    ((exp.Add, exp.Sub, exp.Mul), _together),
    ((exp.Div,), _divided),
    ((exp.If, exp.Case, exp.Coalesce, exp.Greatest, exp.Least, exp.Anonymous), _most),
)  # fmt: skip
