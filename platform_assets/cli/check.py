"""``weir check``: every file that people write, as the engines that run it would take it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from platform_assets.core.broken import BrokenFile


def register(app: typer.Typer) -> None:
    """Add the command to ``weir``."""
    app.command("check")(check)


def check(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check contracts, sources, reports, anomaly streams and gold's bounds; starts nothing.

    Exit code 1 where one cannot be used. The others are not stopped by it.

    Example:
      weir check --json
    """
    broken = broken_files()
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {"kind": file.kind, "file": str(file.path), "error": str(file.error)}
                    for file in broken
                ],
                indent=2,
            )
        )
    for file in () if as_json else broken:
        typer.echo(f"broken {file.kind}: {file.error}")
    if broken:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("every file can be used")


def broken_files() -> list[BrokenFile]:
    """Every file that cannot be used, by kind and path."""
    from ml.anomaly.definition import load_streams
    from platform_assets.contracts.load import load_contracts
    from platform_assets.gold.review import review
    from platform_assets.graph.checks.gold_assets import known_models
    from platform_assets.graph.lineage import broken_sources
    from reports.definition import load_definitions

    _, bounds = known_models()
    return [
        *load_contracts().broken,
        *broken_sources(),
        *load_definitions().broken,
        *load_streams().broken,
        *([bounds] if bounds else []),
        *review(load_contracts().values()),
    ]
