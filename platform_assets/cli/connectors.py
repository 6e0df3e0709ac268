"""``weir connectors``: the types of source, and what each can be told."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, check_formats

if TYPE_CHECKING:
    from platform_assets.connectors.seam.types import ConnectorType

connectors = typer.Typer(
    help="The types of source that can be connected.",
    invoke_without_command=True,
    no_args_is_help=False,
    epilog="Examples:  weir connectors  |  weir connectors show sql  |  "
    "weir connectors show sql --definition > defs.yaml",
)


def _default(row: Any) -> str:
    if row["required"]:
        return "required"
    value = row["default"]
    return "" if value in (None, "", [], {}) else str(value)


CONNECTORS = Layout(
    "connectors",
    (
        Column("connector", "name"),
        Column("kind"),
        Column("title", fold=True),
        Column("maturity", spare=1),
        Column("live", spare=3),
        Column("version", right=True, spare=2),
        Column("deprecated", fold=True, spare=4),
    ),
)
ENTRIES = Layout(
    "connectors show",
    (
        Column("entry", "name", fold=True),
        Column("type", fold=True),
        Column("default", show=_default),
        Column("meaning", "description", fold=True),
    ),
)


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(connectors, name="connectors")


@connectors.callback()
def list_connectors(
    context: typer.Context,
    kind: Annotated[str, typer.Option(help="Only this kind, e.g. database.")] = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Each type in each version that is installed: kind, what its tests prove (maturity).

    Maturity: tested against a `real server`, an `emulator`, `recorded` answers, or
    `configuration only`.
    """
    if context.invoked_subcommand is not None:
        return
    from platform_assets.connectors.seam.types import connector_versions

    check_formats(as_json, as_csv)
    types = [one for versions in connector_versions().values() for one in versions]
    rows = [_row(one) for one in types if kind in ("", one.kind.value)]
    CONNECTORS.show(rows, as_json=as_json, as_csv=as_csv)


@connectors.command("show")
def show_connector(
    name: Annotated[str, typer.Argument(metavar="TYPE", help="E.g. sql, or sql@1.")],
    definition: Annotated[
        bool, typer.Option("--definition", help="Print a defs.yaml to be filled in, alone.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The entries of its configuration and of its streams, and a defs.yaml to be filled in.

    Examples:
      weir connectors show sql
      weir connectors show sql --definition > defs.yaml
    """
    from platform_assets.connectors.operate.draft import draft_definition
    from platform_assets.connectors.operate.entries import entries
    from platform_assets.connectors.seam.types import connector_type

    check_formats(as_json, as_csv)
    kind = connector_type(name)
    text = draft_definition(kind, f"my_{kind.name}", "team:data")
    if definition:
        typer.echo(text, nl=False)
        return
    config = [asdict(one) for one in entries(kind.config)]
    options = [asdict(one) for one in entries(kind.stream)]
    if as_json or as_csv:
        rows = [{"of": of, **row} for of, found in (("config", config), ("options", options))
                for row in found]  # fmt: skip
        document = {**_row(kind), "config": config, "options": options, "definition": text}
        ENTRIES.show(rows, as_json=as_json, as_csv=as_csv, document=document)
        return
    typer.echo(f"{kind.name} {kind.version}: {kind.title} ({kind.maturity.value})")
    if kind.deprecated:
        typer.echo(f"deprecated: {kind.deprecated}")
    ENTRIES.show(config, title="\nconfig")
    if options:
        ENTRIES.show(options, title="\noptions of a stream")
    typer.echo(f"\nA defs.yaml to be filled in:\n\n{text}", nl=False)


def _row(kind: ConnectorType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "kind": kind.kind.value,
        "title": kind.title,
        "maturity": kind.maturity.value,
        "live": kind.live,
        "version": kind.version,
        "deprecated": kind.deprecated,
    }
