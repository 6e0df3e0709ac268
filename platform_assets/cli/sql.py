"""``weir sql "..."``: one statement on Trino, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from platform_assets.core.trino import Result, TrinoQueryError

DEFAULT_LIMIT = 100


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("sql")(sql)


def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement; no semicolon needed.")],
    user: Annotated[
        str, typer.Option(help="analyst: read-only, no personal data; weir: everything.")
    ] = "analyst",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header.")] = False,
    limit: Annotated[
        int, typer.Option(help="Maximum number of rows; 0: all.", min=0)
    ] = DEFAULT_LIMIT,
) -> None:
    """Query bronze, silver and gold: weir sql "select * from gold.commerce.revenue_per_hour"."""
    from platform_assets.core.settings import get_settings
    from platform_assets.core.trino import TrinoQueryError, execute

    if as_json and as_csv:
        raise WeirError("--json and --csv cannot be combined", "choose one")
    text = statement.strip().rstrip(";")
    if not text:
        raise WeirError("nothing to run", 'weir sql "show schemas from gold"')
    try:
        result = execute(get_settings(), text, user, limit=limit or None)
    except TrinoQueryError as error:
        raise WeirError(f"{error.name}: {error.message}", _advice(error, user)) from error
    if as_json:
        for row in result.rows:
            print(json.dumps(dict(zip(result.columns, row, strict=True)), default=str))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(result.columns)
        writer.writerows(result.rows)
    else:
        _show(result)
    if result.more:
        typer.echo(f"only the first {limit} rows; --limit 0 shows all", err=True)


def _show(result: Result) -> None:
    from rich.console import Console
    from rich.table import Table

    if not result.columns:
        Console().print("done")
        return
    table = Table(header_style="bold")
    for name, kind in zip(result.columns, result.types, strict=True):
        numeric = kind.startswith(("bigint", "integer", "double", "decimal", "real"))
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in result.rows:
        table.add_row(*(_cell(value) for value in row))
    Console().print(table)
    Console(stderr=True).print(f"{len(result.rows)} rows", style="dim")


def _cell(value: object) -> str:
    from rich.markup import escape

    if value is None:
        return "[dim]null[/dim]"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, bytes):
        shown = value[:24].hex()
        return f"0x{shown}…" if len(value) > 24 else f"0x{shown}"
    return escape(str(value))


def _advice(error: TrinoQueryError, user: str) -> str:
    if error.name == "PERMISSION_DENIED" and user == "analyst":
        return "the analyst reads only, without personal data: `*_public` views show the rest"
    if error.name in ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"):
        return 'see what there is: weir sql "show tables from gold.commerce"'
    if error.name == "EXCEEDED_TIME_LIMIT":
        return "narrow it down, for example by event_date"
    return ""
