"""``weir sources``: how sources fare; check them, look into them, read them once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.cli import sources_change
from platform_assets.cli.sources_files import files
from platform_assets.cli.sources_found import NameArgument, source_named, source_states, topic_named
from platform_assets.cli.sources_letters import letters
from platform_assets.cli.sources_tables import (
    CHECKS,
    DISCOVERED,
    OUTCOMES,
    PREVIEW,
    SOURCES,
    STREAMS,
)
from platform_assets.cli.tables import AsCsv, AsJson, check_formats
from platform_assets.core.errors import WeirError
from platform_assets.core.stopping import stopping

if TYPE_CHECKING:
    from platform_assets.connectors.seam.pull import StreamOutcome
    from platform_assets.connectors.seam.reader import Stream
    from platform_assets.core.settings import Settings

sources = typer.Typer(
    help="Sources: their health; check, preview, read, pause, reset and add them.",
    invoke_without_command=True,
    no_args_is_help=False,
    epilog="Examples:  weir sources  |  weir sources check shop  |  "
    "weir sources preview shop orders  |  weir sources pause shop --reason 'moves to a new host'",
)
sources_change.register(sources)
sources.command()(files)
sources.add_typer(letters, name="letters")


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(sources, name="sources")


@sources.callback()
def show(
    context: typer.Context,
    streams: Annotated[bool, typer.Option("--streams", help="A line a stream.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Health, records, rate, lag, requests, cost, last row and last error of each source."""
    if context.invoked_subcommand is not None:
        return
    from platform_assets.connectors.operate.health import all_streams, summed
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    found = all_streams(get_settings())
    if streams:
        STREAMS.show([one.as_record() for one in found], as_json=as_json, as_csv=as_csv)
    else:
        SOURCES.show(summed(found), as_json=as_json, as_csv=as_csv)


@sources.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Sources; all by default.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Reach each source and say what was reached; exit code 1 where one was not.

    Example:
      weir sources check shop
    """
    from platform_assets.connectors.seam.definition import load_sources
    from platform_assets.connectors.seam.pull import contract_of, open_reader
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    loaded, settings = load_sources(), get_settings()
    rows = [] if names else [
        {"source": file.name, "check": "broken", "found": str(file.error)}
        for file in loaded.broken
    ]  # fmt: skip
    for source in [source_named(name) for name in names] if names else loaded.values():
        try:
            for stream in source.fields.streams:
                contract_of(source, stream)
            with closing(open_reader(settings, source)) as reader:
                row = {"check": "good", "found": reader.check()}
        except WeirError as error:
            row = {"check": "failed", "found": str(error)}
        rows.append({"source": source.name, **row})
    CHECKS.show(rows, as_json=as_json, as_csv=as_csv)
    if any(row["check"] != "good" for row in rows):
        raise typer.Exit(1)


@sources.command()
def discover(
    name: NameArgument,
    draft: Annotated[
        str, typer.Option(metavar="STREAM", help="Print a draft of this stream's contract, alone.")
    ] = "",
    topic: Annotated[str, typer.Option(help="The draft's topic, domain.entity.")] = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The streams that the source offers, with their columns.

    Examples:
      weir sources discover shop
      weir sources discover shop --draft orders --topic shop.orders > shop.orders.yaml
    """
    from platform_assets.connectors.operate.draft import draft_contract, logical_type
    from platform_assets.connectors.seam.pull import open_reader
    from platform_assets.core.naming import TopicName
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    source = source_named(name)
    with closing(open_reader(get_settings(), source)) as reader:
        found = {one.name: one for one in reader.discover()}
    if draft:
        if draft not in found:
            raise WeirError(f"source {name}: no stream {draft!r}", f"it has: {', '.join(found)}")
        wanted = topic_named(topic) if topic else TopicName(name, draft.rpartition(".")[2].lower())
        typer.echo(draft_contract(found[draft], wanted, source.fields.owner), nl=False)
        return
    rows = [
        {
            "stream": stream.name,
            "column": one.name,
            "type": str(one.type),
            "role": _role(stream, one.name),
            "logical_type": logical_type(one.type).value,
        }
        for stream in found.values()
        for one in stream.schema
    ]
    DISCOVERED.show(rows, as_json=as_json, as_csv=as_csv)


@sources.command()
def preview(
    name: NameArgument,
    stream: Annotated[str, typer.Argument(help="As its defs.yaml names it.")],
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 10,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The first rows of a stream, and why each cannot be mapped; nothing is sent.

    Example:
      weir sources preview shop orders
    """
    from platform_assets.connectors.operate.preview import preview as first_rows
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    found = [
        {"row": row, "why": why}
        for row, why in first_rows(get_settings(), source_named(name), stream, rows)
    ]
    PREVIEW.show(found, as_json=as_json, as_csv=as_csv)


@sources.command()
def read(
    name: NameArgument,
    stream: Annotated[
        list[str] | None, typer.Option(help="Only this stream; may be repeated.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Read a source once, from its cursors; Ctrl-C ends it after its page.

    Example:
      weir sources read shop --stream orders
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from platform_assets.connectors.operate.read import read_once
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    source, settings = source_named(name), get_settings()
    _not_read_by_the_run(settings, name)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with stopping() as stop, Progress(*columns, console=Console(stderr=True), transient=True) as p:
        task = p.add_task(f"{name}; Ctrl-C stops", total=None)

        def told(one: StreamOutcome) -> None:
            text = f"{one.stream}: {one.records:,} records, {one.dead_letters:,} dead letters"
            p.update(task, description=f"{text}; Ctrl-C stops")

        outcomes = read_once(settings, source, stream or (), stop, told)
    OUTCOMES.show([asdict(one) for one in outcomes], as_json=as_json, as_csv=as_csv)
    if not (as_json or as_csv):
        for reason in [reason for one in outcomes for reason in one.reasons]:
            typer.echo(f"  dead letter: {reason}")
        if stop.is_set():
            typer.echo("stopped; the next read goes on from here")
    if any(one.error for one in outcomes):
        raise typer.Exit(1)


def _not_read_by_the_run(settings: Settings, name: str) -> None:
    """Two reads of one source end each other by turns.

    Raises:
        WeirError: the sources run reads it.
    """
    from platform_assets.core.naming import SOURCES_LEASE
    from platform_assets.streaming.locks import read_lease

    lease = read_lease(settings, SOURCES_LEASE)
    with source_states() as states:
        if lease and lease.held and name not in states.pauses():
            raise WeirError(
                f"source {name} is read by the sources run",
                f"nothing to do; or first: weir sources pause {name} --reason '...'",
            )


def _role(stream: Stream, column: str) -> str:
    words = ("key" * (column in stream.primary_key), "cursor" * (column in stream.cursor_fields))
    return " ".join(word for word in words if word)
