"""The SQL of a KPI: its template, and what is checked before Trino sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from reports.periods import has_whole_hours, is_utc

if TYPE_CHECKING:
    from sqlglot.expressions import Query

_TABLE = re.compile(r"gold\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
_DIALECT = "trino"
DAY = "day"
_MOMENTS = ("at", "hour")
"""Columns with the moment of a row, the sharpest first."""


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
    query = _query(text)
    if query.is_star:
        return
    have = [name.lower() for name in query.named_selects]
    for column in columns:
        if column not in have:
            raise ValueError(f"no column {column!r}; its columns are {', '.join(have)}")


def time_column(text: str, zone: str) -> str:
    """The column of a KPI's rows that says when each was, for a report in a time zone.

    ``at`` (a moment), ``hour`` (the first moment of an hour of UTC) or ``day`` (a date of UTC).
    Days of another zone cannot be made from days of UTC, nor from hours where they begin at half
    past.

    Args:
        text: the SQL file; checked.
        zone: the report's.

    Raises:
        ValueError: none of them, or none that can be told apart by that zone's days.
    """
    utc = is_utc(zone)
    query = _query(text)
    if query.is_star:
        if utc:
            return DAY
        raise ValueError(f"select * hides whether it has a column `at` or `hour`; {zone} needs one")
    have = [name.lower() for name in query.named_selects]
    usable = [DAY, *_MOMENTS] if utc else [*_MOMENTS]
    for column in usable:
        if column in have and (column != "hour" or has_whole_hours(zone)):
            return column
    if not {DAY, *_MOMENTS} & set(have):
        raise ValueError(f"no column {DAY!r}; its columns are {', '.join(have)}")
    why = (
        "its rows are by day of UTC"
        if "hour" not in have
        else "its rows are by hour, and days there begin between hours"
    )
    raise ValueError(
        f"{why}, the report's days are those of {zone}: select a column `at` (each row's moment) "
        "or `hour` (its hour, where days begin at full hours), or set the schedule's timezone to "
        "UTC"
    )


def with_days(rows: str, text: str, zone: str) -> str:
    """Rows with a column ``day`` in a time zone.

    Args:
        rows: the SQL, filled in.
        text: the SQL file.
        zone: the report's.
    """
    column = time_column(text, zone)
    if column == DAY:
        return rows
    names = _query(text).named_selects
    others = "".join(f'"{name}", ' for name in names if name and name.lower() != DAY)
    return (
        f"SELECT {others}CAST(\"{column}\" AT TIME ZONE '{zone}' AS date) AS {DAY}\n"
        f"FROM (\n{rows}\n)"
    )


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


def _query(text: str) -> Query:
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        query = parse_one(render_sql(text), dialect=_DIALECT)
    except SqlglotError as error:
        raise ValueError(f"not SQL: {_first(error)}") from error
    if not isinstance(query, exp.Query):
        raise ValueError(f"expected a select, found {query.key}")  # noqa: TRY004 (of SQL, not Python)
    return query


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
