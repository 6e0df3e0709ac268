"""``weir sources``: what changes a source: pause, resume, reset, add; and who did so."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from platform_assets.cli.sources_found import NameArgument, source_named, source_states, topic_named
from platform_assets.cli.sources_tables import AUDIT
from platform_assets.cli.tables import AsCsv, AsJson, check_formats


def register(group: typer.Typer) -> None:
    """Add the commands to ``weir sources``; once, as the group is one for the process."""
    for command in (pause, resume, reset, audit, add, evolve):
        group.command()(command)


def pause(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="For those who find it paused.")],
) -> None:
    """Stop reading a source after its current page. Undo: resume.

    Example:
      weir sources pause shop --reason "the shop's database moves"
    """
    with source_states() as states:
        states.pause(name, reason)
    typer.echo(f"{name} is paused; resume it with: weir sources resume {name}")


def resume(name: NameArgument) -> None:
    """Read a paused source again, from where it stopped."""
    with source_states() as states:
        if not states.resume(name):
            typer.echo(f"{name} is not paused; nothing was changed")
            return
    typer.echo(f"{name} is resumed; it goes on from its cursors")


def reset(
    name: NameArgument,
    stream: Annotated[str, typer.Argument(help="As its defs.yaml names it.")],
    to: Annotated[str, typer.Option(metavar="JSON", help="A cursor instead of none.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the cursor.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Set a stream's cursor: to the beginning, or to a given one. A running read is fenced.

    Rows that are read again have the ids that they had: silver keeps the first of each, within
    what its deduplication remembers. The old cursor is printed: it is the way back.

    Examples:
      weir sources reset shop orders --dry-run
      weir sources reset shop orders --to '{"id": 1000}' --yes
    """
    from platform_assets.connectors.operate.reset import as_text, parsed, planned
    from platform_assets.connectors.operate.reset import reset as set_cursor
    from platform_assets.core.settings import get_settings

    source, settings = source_named(name), get_settings()
    after = parsed(to) if to else None
    plan = planned(settings, source, stream, after)
    typer.echo(f"{name}, {stream}: from {as_text(plan.before)} to {as_text(after)}")
    if dry_run:
        typer.echo("nothing was changed")
        return
    if not yes:
        typer.confirm("Set the cursor?", abort=True)
    done = set_cursor(settings, source, stream, after)
    typer.echo(f"set; to undo it: {done.undo}")


def evolve(
    name: NameArgument,
    stream: Annotated[str, typer.Argument(help="As its defs.yaml names it.")],
) -> None:
    """Draft entries of the contract and the mapping for a stream's new columns; writes nothing.

    Example:
      weir sources evolve shop orders
    """
    from platform_assets.connectors.operate.evolve import drafted_changes
    from platform_assets.core.settings import get_settings

    text = drafted_changes(get_settings(), source_named(name), stream)
    typer.echo(text or "# nothing is new\n", nl=False)


def audit(
    name: Annotated[str, typer.Argument(help="Only this source.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 100,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Who did what to which source, the latest first."""
    check_formats(as_json, as_csv)
    with source_states() as states:
        found = [asdict(one) for one in states.audit(name, limit)]
    if not (found or as_json or as_csv):
        typer.echo("nobody did anything")
        return
    AUDIT.show(found, as_json=as_json, as_csv=as_csv)


def add(
    name: Annotated[str, typer.Argument(help="A name: a-z, 0-9 and _.")],
    connector: Annotated[str, typer.Option(help="Its type; see `weir connectors`.")],
    topic: Annotated[str, typer.Option(help="That it feeds; NAME.events by default.")] = "",
    owner: Annotated[str, typer.Option(help="An e-mail address or team:name.")] = "team:data",
    config: Annotated[
        str, typer.Option(metavar="JSON", help="What is known of the configuration.")
    ] = "{}",
    stream: Annotated[
        str, typer.Option(help="Looked up at the source, so that the drafts have its columns.")
    ] = "",
    options: Annotated[
        str, typer.Option(metavar="JSON", help="What is known of the stream's options.")
    ] = "{}",
) -> None:
    """Make a source's folder with its defs.yaml and a draft of its contract, to be edited.

    Examples:
      weir sources add shop --connector sql
      weir sources add shop --connector sql --stream orders --topic shop.orders
        --config '{"url": "postgresql+psycopg://weir@db/shop", "password": "SHOP_PASSWORD"}'
    """
    from platform_assets.connectors.operate.begin import drafted, write_source
    from platform_assets.connectors.operate.reset import parsed
    from platform_assets.connectors.seam.types import connector_type
    from platform_assets.core.settings import get_settings

    kind = connector_type(connector)
    hint = f"see `weir connectors show {connector}`"
    files = drafted(
        get_settings(),
        kind,
        name,
        owner,
        topic=topic_named(topic or f"{name}.events"),
        config=parsed(config, "--config", hint),
        stream=stream,
        options=parsed(options, "--options", hint),
    )
    folder = write_source(name, owner, files)
    for file in files:
        typer.echo(folder / file)
    with source_states() as states:
        states.note(name, "add", f"connector {connector}")
    typer.echo(f"edit them, then: weir sources check {name}; weir restart dagster-code")
