"""What SQL of a model may be: one SELECT over tables that are allowed, with a limit.

It also runs as a user who only reads (:mod:`platform_assets.gold.access`), so this is the first
wall and not the only one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from platform_assets.core.errors import WeirError
from reports.questions.query import MOST_ROWS

if TYPE_CHECKING:
    from sqlglot import exp

_DIALECT = "trino"
LONGEST = 10_000
"""Characters of a statement."""


class ForbiddenSqlError(WeirError):
    """A statement is no such SELECT; the message says which rule it breaks."""


def checked(sql: str, tables: Collection[str]) -> str:
    """The statement as it may run: parsed, written anew without comments, with a limit.

    Args:
        sql: what a model wrote.
        tables: the tables allowed, as ``gold.domain.name``.

    Raises:
        ForbiddenSqlError: it is not one SELECT, or reads what is not allowed.
    """
    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError

    if len(sql) > LONGEST:
        raise ForbiddenSqlError(f"the statement has more than {LONGEST} characters")
    try:
        parsed = parse(sql, dialect=_DIALECT)
    except (SqlglotError, RecursionError) as error:
        raise ForbiddenSqlError(f"it is not SQL: {' '.join(str(error).split())[:200]}") from error
    # A comment behind the last semicolon is parsed as a statement of its own.
    statements = [one for one in parsed if one is not None and not isinstance(one, exp.Semicolon)]
    if len(statements) != 1:
        raise ForbiddenSqlError(f"expected one statement, found {len(statements)}")
    [query] = statements
    if not isinstance(query, exp.Query):
        raise ForbiddenSqlError(f"expected a SELECT, found {query.key.upper()}")
    for node in query.walk():
        _check(node)
    _check_tables(query, tables)
    return _limited(query).sql(dialect=_DIALECT, comments=False)


def _check(node: Any) -> None:
    from sqlglot import exp

    if isinstance(node, exp.DML | exp.DDL | exp.Command | exp.Into) and not isinstance(
        node, exp.Query
    ):
        raise ForbiddenSqlError(f"{node.key.upper()} is not allowed")
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise ForbiddenSqlError("a function in place of a table is not allowed")
    if isinstance(node, exp.TableFromRows | exp.Lock | exp.Placeholder | exp.Parameter):
        raise ForbiddenSqlError(f"{node.key} is not allowed")


def _check_tables(query: exp.Query, tables: Collection[str]) -> None:
    """Every table is allowed; a name without a schema is a common table expression in reach."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope, traverse_scope

    seen: set[int] = set()
    for scope in traverse_scope(query):
        for table in scope.tables:
            seen.add(id(table))
            name = table.name
            bare = not table.db and not table.catalog
            if bare and isinstance(scope.sources.get(name), Scope):
                continue
            _allowed(table, tables)
    found = list(query.find_all(exp.Table))
    for table in found:
        if id(table) not in seen:
            _allowed(table, tables)
    if not any(table.catalog for table in found):
        raise ForbiddenSqlError("it reads no table: its numbers would be nobody's")


def _allowed(table: exp.Table, tables: Collection[str]) -> None:
    full = ".".join(part for part in (table.catalog, table.db, table.name) if part)
    if full.lower() not in tables:
        raise ForbiddenSqlError(f"table {full} is not among those allowed")


def _limited(query: exp.Query) -> exp.Query:
    """With a limit of at most the rows of an answer."""
    from sqlglot import exp

    limit = query.args.get("limit")
    if limit is not None:
        count = limit.expression if isinstance(limit, exp.Limit) else limit.args.get("count")
        number = count.name if isinstance(count, exp.Literal) else ""
        if number.isdigit() and int(number) <= MOST_ROWS:
            return query
        query = query.copy()
        query.set("limit", None)
    return query.limit(MOST_ROWS)
