"""What each column of gold is computed from, read from the SQL of the dbt models.

A column's definition is one SQL expression over columns of silver: every reference to a common
table expression, to a subquery and to another model is replaced by what stands there. Personal
data, units and bounds are then properties of that expression.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.model import Contract, LogicalType, TopicKind
from platform_assets.core.naming import Layer, TableName
from platform_assets.core.settings import REPOSITORY

if TYPE_CHECKING:
    from sqlglot import exp

MODELS = REPOSITORY / "dbt_project" / "models"
EITHER = "either"
"""Function in a definition whose arguments are the branches of a union."""

STAGING = "staging"
_DIALECT = "trino"
_VALID = ("valid_from", "valid_to")
_PLACE = dict.fromkeys(("_kafka_partition", "_kafka_offset"), LogicalType.INTEGER)
"""Of a row's record in the log."""


@dataclass(frozen=True)
class GoldModel:
    """One dbt model.

    Attributes:
        table: its table or view in Trino.
        path: its file.
        columns: column -> its definition; the leaves are columns of silver whose table is named
            as in Trino (``silver.commerce.clickstream``). Empty where ``problem`` says why.
        problem: why the SQL cannot be followed; empty where it can.
    """

    table: TableName
    path: Path
    columns: Mapping[str, exp.Expr] = field(default_factory=dict)
    problem: str = ""


def silver_columns(contract: Contract) -> dict[TableName, dict[str, LogicalType]]:
    """The columns of silver's tables that gold may read, with their types."""
    columns = {column.name: column.type for column in contract.columns}
    valid = dict.fromkeys(_VALID, LogicalType.TIMESTAMP)
    if contract.kind is TopicKind.APPEND:
        return {contract.topic.silver: {**columns, **_PLACE, "event_date": LogicalType.DATE}}
    return {
        contract.topic.silver: {**columns, "valid_from": LogicalType.TIMESTAMP},
        contract.topic.history: {**columns, "op": LogicalType.STRING, **valid},
    }


def read_models(contracts: Iterable[Contract], folder: Path = MODELS) -> dict[TableName, GoldModel]:
    """Every model of the dbt project, by its table; opens no socket and needs no manifest.

    Args:
        contracts: of the topics that models may read; derived tables they may read anyway.
        folder: the project's models.
    """
    stamps = tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*.sql")))
    from platform_assets.contracts.load import derived_contracts

    known = {one.topic: one for one in (*derived_contracts(), *contracts)}
    return dict(_read(tuple(known[topic] for topic in sorted(known)), folder, stamps))


@lru_cache(maxsize=4)
def _read(
    contracts: tuple[Contract, ...], folder: Path, stamps: tuple[tuple[Path, int], ...]
) -> dict[TableName, GoldModel]:
    known: dict[str, dict[str, exp.Expr]] = {}
    for contract in contracts:
        for table, columns in silver_columns(contract).items():
            known[_flat(table)] = {name: leaf(table, name) for name in columns}
    texts = {path.stem: _Rendered(path, folder) for path, _ in stamps}
    found: dict[TableName, GoldModel] = {}

    def read(name: str, above: tuple[str, ...]) -> None:
        text = texts[name]
        if text.table in found:
            return
        problem, columns = text.problem, {}
        for other in text.refs:
            if other in texts and other not in above:
                read(other, (*above, name))
        if not problem:
            try:
                columns = definitions(text.sql, known)
            except UnknownSqlError as error:
                problem = str(error)
        found[text.table] = GoldModel(text.table, text.path, columns, problem)
        if not problem:
            known[name] = columns

    for name in texts:
        read(name, ())
    return found


class UnknownSqlError(ValueError):
    """SQL whose columns cannot be followed to their sources."""


def definitions(sql: str, known: Mapping[str, Mapping[str, exp.Expr]]) -> dict[str, exp.Expr]:
    """Output column -> its definition, in the order of the select.

    Args:
        sql: one select in Trino's dialect.
        known: table, as it is written in ``sql`` -> its columns' definitions.

    Raises:
        UnknownSqlError: it does not parse, reads a table that is not known, or leaves open where
            a column comes from.
    """
    from sqlglot import parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    try:
        query = parse_one(sql, dialect=_DIALECT)
        schema: dict[str, Any] = {
            name: dict.fromkeys(columns, "varchar") for name, columns in known.items()
        }
        query = qualify(query, dialect=_DIALECT, schema=schema, quote_identifiers=False)
        outputs: dict[int, dict[str, exp.Expr]] = {}
        last: dict[str, exp.Expr] = {}
        for scope in traverse_scope(query):
            last = outputs[id(scope.expression)] = _outputs(scope, outputs, known)
    except SqlglotError as error:
        raise UnknownSqlError(" ".join(str(error).split())[:200]) from error
    if not last:
        raise UnknownSqlError(f"expected a select, found {query.key}")
    return last


def _outputs(scope: Any, outputs: dict[int, dict[str, Any]], known: Mapping[str, Any]) -> Any:
    from sqlglot import exp

    if isinstance(scope.expression, exp.SetOperation):
        branches = [outputs[id(branch.expression)] for branch in scope.set_operation_scopes]
        return {
            name: exp.Anonymous(
                this=EITHER,
                expressions=[list(branch.values())[place].copy() for branch in branches],
            )
            for place, name in enumerate(branches[0])
        }

    def follow(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            return _source(scope, node, outputs, known)
        if isinstance(node, exp.Query | exp.Subquery):
            inner = outputs.get(id(node.unnest() if isinstance(node, exp.Subquery) else node))
            if inner:
                first: exp.Expr = next(iter(inner.values())).copy()
                return first
        return node

    result = {}
    for projection in scope.expression.selects:
        inner = projection.unalias()
        result[projection.alias_or_name] = _replace(inner, follow)
    return result


def _replace(node: Any, follow: Any) -> Any:
    """A copy of the tree in which ``follow`` has replaced nodes, from the top down."""
    made = follow(node)
    if made is not node:
        return made
    from sqlglot import exp

    copy = node.__class__()
    for key, value in node.args.items():
        if isinstance(value, list):
            copy.set(
                key,
                [_replace(one, follow) if isinstance(one, exp.Expr) else one for one in value],
            )
        else:
            copy.set(key, _replace(value, follow) if isinstance(value, exp.Expr) else value)
    return copy


def _source(
    scope: Any, column: exp.Column, outputs: dict[int, dict[str, Any]], known: Mapping[str, Any]
) -> exp.Expr:
    from sqlglot import exp

    level = scope
    while level is not None and column.table not in level.sources:
        level = level.parent  # a subquery that reads a column of the query around it
    source = level.sources[column.table] if level is not None else None
    if isinstance(source, exp.Table):
        columns = known.get(source.sql(dialect=_DIALECT, comments=False).split(" AS ")[0], {})
    else:
        columns = outputs.get(id(source.expression), {}) if source is not None else {}
    if column.name not in columns:
        raise UnknownSqlError(
            f"where column {column.sql(dialect=_DIALECT)} comes from is not known"
        )
    definition: exp.Expr = columns[column.name]
    return exp.Paren(this=definition.copy())


class _Rendered:
    """A model's file with dbt's templates filled in: tables by their names, every date."""

    def __init__(self, path: Path, folder: Path) -> None:
        from jinja2 import StrictUndefined, TemplateError
        from jinja2.sandbox import SandboxedEnvironment

        self.path = path
        self.refs: list[str] = []
        self.sql = self.problem = ""
        config: dict[str, Any] = {}

        def ref(*names: str) -> str:
            self.refs.append(names[-1])
            return names[-1]

        def source(group: str, table: str) -> str:
            return _flat(TableName("silver", group.removeprefix("silver_"), table))

        environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        environment.globals.update(
            ref=ref,
            source=source,
            config=lambda **values: config.update(values) or "",
            touched=lambda *_: "true",
        )
        try:
            self.sql = environment.from_string(path.read_text(encoding="utf-8")).render()
        except (TemplateError, TypeError, OSError, UnicodeDecodeError) as error:
            self.problem = f"its template cannot be filled in: {error}"
        place = path.relative_to(folder).parts
        schema = str(config.get("schema") or (place[-2] if len(place) > 1 else STAGING))
        self.table = TableName("gold", schema, str(config.get("alias") or path.stem))


def _flat(table: TableName) -> str:
    return f"{table.layer}__{table.domain}__{table.entity}"


def leaves(definition: exp.Expr) -> set[tuple[TableName, str]]:
    """The columns that a definition reads."""
    from sqlglot import exp

    return {leaf_of(column) for column in definition.find_all(exp.Column)}


def leaf(table: TableName, column: str) -> exp.Expr:
    """A column of a table, as a definition holds it."""
    from sqlglot import exp

    return exp.column(column, table=table.entity, db=table.domain, catalog=table.layer)


def leaf_of(column: exp.Column) -> tuple[TableName, str]:
    """The table and column that a leaf stands for."""
    layer: Layer = "gold" if column.catalog == "gold" else "silver"
    return TableName(layer, column.db, column.table), column.name
