"""``weir sql "..."``: one statement on Trino, as a table, CSV or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.cli.tables import AsCsv, Column, Layout, check_formats, unique
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.core.trino import TrinoQueryError

DEFAULT_LIMIT = 100
_NUMERIC = ("bigint", "integer", "smallint", "tinyint", "double", "decimal", "real")
_NARROW = (*_NUMERIC, "boolean", "date", "time")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("sql")(sql)


def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement; no semicolon needed.")],
    user: Annotated[
        str, typer.Option(help="analyst: read-only, no personal data; weir: everything.")
    ] = "analyst",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per row.")] = False,
    as_csv: AsCsv = False,
    limit: Annotated[
        int, typer.Option(help="Maximum number of rows; 0: all.", min=0)
    ] = DEFAULT_LIMIT,
) -> None:
    """Query bronze, silver and gold: weir sql "select * from gold.commerce.revenue_per_hour"."""
    from platform_assets.core.settings import get_settings
    from platform_assets.core.trino import TrinoQueryError, execute

    check_formats(as_json, as_csv)
    text = statement.strip().rstrip(";")
    if not text:
        raise WeirError("nothing to run", 'weir sql "show schemas from gold"')
    try:
        result = execute(get_settings(), text, user, limit=limit or None)
    except TrinoQueryError as error:
        raise WeirError(f"{error.name}: {error.message}", _advice(error, user)) from error
    if result.columns or as_json or as_csv:
        names = unique(result.columns)
        rows = [dict(zip(names, row, strict=True)) for row in result.rows]
        layout_of(names, result.types).show(rows, as_json=as_json, as_csv=as_csv, lines=True)
        if not (as_json or as_csv):
            typer.echo(f"{len(rows)} rows", err=True)
    else:
        typer.echo("done")
    if result.more:
        typer.echo(f"only the first {limit} rows; --limit 0 shows all", err=True)


def layout_of(names: Sequence[str], types: Sequence[str]) -> Layout:
    """The table of a result: numbers to the right, texts folded where the window is narrow."""
    return Layout(
        "sql",
        tuple(
            Column(
                name,
                show=lambda row, name=name: _cell(row[name]),  # type: ignore[misc]
                style=lambda row, name=name: "dim" if row[name] is None else "",  # type: ignore[misc]
                right=kind.startswith(_NUMERIC),
                fold=not kind.startswith(_NARROW),
            )
            for name, kind in zip(names, types, strict=True)
        ),
    )


def _cell(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, bytes):
        shown = value[:24].hex()
        return f"0x{shown}…" if len(value) > 24 else f"0x{shown}"
    return str(value)


def _advice(error: TrinoQueryError, user: str) -> str:
    if error.name == "PERMISSION_DENIED" and user == "analyst":
        return "the analyst reads only, without personal data: `*_public` views show the rest"
    if error.name in ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"):
        return 'see what there is: weir sql "show tables from gold.commerce"'
    if error.name == "EXCEEDED_TIME_LIMIT":
        return "narrow it down, for example by event_date"
    return ""
