"""The SQL of a KPI: its template, and what is checked before Trino sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

_TABLE = re.compile(r"gold\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
_DIALECT = "trino"


def render_sql(text: str, table: dict[str, str] | None = None) -> str:
    """Fill in a KPI's tables, and cut what ends the statement: a semicolon and what follows.

    Args:
        text: the SQL file.
        table: name -> SQL that reads it; None leaves the names as they are.

    Raises:
        ValueError: the template is malformed, names what is no gold table, or holds a second
            statement, or a quote or comment that is not closed.
    """

    def reference(name: str) -> str:
        if not _TABLE.fullmatch(name):
            raise ValueError(f"expected a table like gold.domain.name, not {name!r}")
        return name if table is None else table[name]

    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    try:
        rendered: str = environment.from_string(text).render(table=reference)
    except TemplateError as error:
        raise ValueError(f"{error}") from error
    return _one_statement(rendered)


def tables_of(text: str) -> set[str]:
    """Gold tables that a KPI's SQL reads."""
    found: set[str] = set()

    class Recording(dict[str, str]):
        def __missing__(self, name: str) -> str:
            found.add(name)
            return name

    render_sql(text, Recording())
    return found


def check_rows(text: str, columns: Iterable[str]) -> None:
    """Refuse SQL that is not one select, or lacks a column that the report asks for.

    Args:
        text: the SQL file.
        columns: names that its rows must have, e.g. ``day``.

    Raises:
        ValueError: what is wrong.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        query = parse_one(render_sql(text), dialect=_DIALECT)
    except SqlglotError as error:
        raise ValueError(f"not SQL: {_first(error)}") from error
    if not isinstance(query, exp.Query):
        raise ValueError(f"expected a select, found {query.key}")  # noqa: TRY004 (of SQL, not Python)
    if query.is_star:
        return
    have = [name.lower() for name in query.named_selects]
    for column in columns:
        if column not in have:
            raise ValueError(f"no column {column!r}; its columns are {', '.join(have)}")


def check_value(text: str) -> None:
    """Refuse a KPI's value that is not one aggregate expression.

    Raises:
        ValueError: what is wrong.
    """
    from sqlglot import TokenType, exp, parse_one, tokenize
    from sqlglot.errors import SqlglotError

    try:
        tokens = tokenize(text, read=_DIALECT)
        if any(token.comments for token in tokens):
            raise ValueError("a comment has no place in a value; write it in the SQL file")
        if any(token.token_type is TokenType.SEMICOLON for token in tokens):
            raise ValueError("expected one expression without a semicolon, e.g. sum(net_sales)")
        query = parse_one(f"select {text} as value", dialect=_DIALECT)
    except SqlglotError as error:
        raise ValueError(f"not an SQL expression: {_first(error)}") from error
    if not isinstance(query, exp.Select) or len(query.expressions) != 1 or query.find(exp.From):
        raise ValueError("expected one expression, e.g. sum(net_sales)")
    # A function that the parser does not know may be an aggregate of Trino's.
    if query.find(exp.AggFunc, exp.Anonymous) is None:
        raise ValueError("expected an aggregate over the rows, e.g. sum(net_sales)")


def _one_statement(sql: str) -> str:
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import SqlglotError

    # Read as tokens: a semicolon may stand in a comment or a quote, and comments may follow the
    # one that ends the statement.
    try:
        tokens = tokenize(sql, read=_DIALECT)
    except SqlglotError as error:
        raise ValueError(f"not SQL: {_first(error)}") from error
    ends = [index for index, token in enumerate(tokens) if token.token_type is TokenType.SEMICOLON]
    if not ends:
        return sql.strip()
    if any(token.token_type is not TokenType.SEMICOLON for token in tokens[ends[0] :]):
        line = tokens[ends[0]].line
        raise ValueError(f"line {line}: a second statement follows the semicolon, expected one")
    return sql[: tokens[ends[0]].start].strip()


def _first(error: Exception) -> str:
    return " ".join(str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").split())[:200]
