"""``weir streams``, ``weir quarantine``: what the stream does, and what it could not take."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from platform_assets.contracts.model import Contract
    from platform_assets.core.naming import TopicName
    from platform_assets.streaming.topics import StreamRow

streams = typer.Typer(
    help="Show, pause and resume the topics' streams.",
    invoke_without_command=True,
    no_args_is_help=False,
    epilog="Examples:  weir streams --watch  |  weir streams pause commerce.clickstream",
)
quarantine = typer.Typer(
    help="Rows that broke a rule: list them, and publish them again after a contract is fixed.",
    no_args_is_help=True,
    epilog="Examples:  weir quarantine list --topic commerce.clickstream  |  "
    "weir quarantine replay commerce.clickstream --dry-run",
)

TopicArgument = Annotated[str, typer.Argument(help="domain.entity, e.g. commerce.clickstream")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(streams, name="streams")
    app.add_typer(quarantine, name="quarantine")


@streams.callback()
def show(
    context: typer.Context,
    watch: Annotated[bool, typer.Option(help="Refresh every second until Ctrl-C.")] = False,
    windows: Annotated[bool, typer.Option(help="List the windows of each topic.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Lag, rate, last micro-batch and errors of each topic."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.live import Live

    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.topics import TopicStates

    settings = get_settings()
    console = Console()
    if windows:
        _show_windows(console)
        return
    states = TopicStates(settings)
    if as_json:
        rows = [asdict(row) for row in states.rows()]
        typer.echo(json.dumps(rows, default=str))
        return
    if not watch:
        console.print(_table(states.rows()))
        return
    with Live(_table(states.rows()), console=console) as live:
        while True:
            time.sleep(1)
            live.update(_table(states.rows()))


@streams.command()
def pause(topic: TopicArgument) -> None:
    """Stop taking records from a topic; its current micro-batch is finished. Undo: resume."""
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.topics import TopicStates

    contract = _contract(topic)
    TopicStates(get_settings()).set_paused(contract.topic, paused=True)
    typer.echo(f"{topic} is paused; resume it with: weir streams resume {topic}")


@streams.command()
def resume(
    topic: TopicArgument,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Publish the held micro-batch although it is above its threshold, "
            "or continue after a gap in the log.",
        ),
    ] = False,
) -> None:
    """Resume a paused or halted topic: the same records are tried again."""
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.topics import TopicStates

    contract = _contract(topic)
    states = TopicStates(get_settings())
    if accept:
        states.set_accept(contract.topic, accept=True)
    states.set_paused(contract.topic, paused=False)
    typer.echo(f"Resumed {topic}; see: weir streams")


@quarantine.command("list")
def list_quarantine(
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    rows: Annotated[int, typer.Option(help="Show this many newest rows of each rule.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Rejected rows by topic and rule; ``--rows`` shows examples."""
    from rich.console import Console
    from rich.table import Table

    found = [
        {"topic": str(contract.topic), **row}
        for contract in _contracts(topic)
        for row in _rejected(contract.topic, rows)
    ]
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    if not found:
        typer.echo("quarantine is empty")
        return
    table = Table("topic", "rule", "rows", "newest", "reason", *(["examples"] if rows else []))
    for row in found:
        cells = [row["topic"], row["rule"], f"{row['rows']:,}", str(row["newest"]), row["reason"]]
        table.add_row(*cells, *(["\n".join(row["examples"])] if rows else []))
    Console().print(table)


@quarantine.command("replay")
def replay_quarantine(
    topic: TopicArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done.")
    ] = False,
) -> None:
    """Publish micro-batches with rejected rows again, under the contract as it is now.

    Rows that now pass move to silver; the first record of a key wins, as if the contract had
    been so from the start. Doing it twice changes nothing.
    """
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.open import open_processor

    contract = _contract(topic)
    with open_processor(get_settings(), run_id="weir quarantine replay") as processor:
        batches = processor.ledger.batches_with_rejects(contract.topic)
        before = processor.ledger.totals(contract.topic)
        if dry_run or not batches:
            typer.echo(
                f"{topic}: {len(batches)} micro-batches hold {before.quarantined:,} quarantined "
                f"rows and {before.dead_letters:,} dead letters"
            )
            return
        done = 0
        for published in processor.replay_silver(contract, batches, accept=True):
            done += len(published.counts)
            typer.echo(f"  {done} of {len(batches)} micro-batches", err=True)
        after = processor.ledger.totals(contract.topic)
    typer.echo(
        f"{topic}: quarantined {before.quarantined:,} -> {after.quarantined:,}, "
        f"dead letters {before.dead_letters:,} -> {after.dead_letters:,}, "
        f"published {before.published:,} -> {after.published:,}"
    )


def _contract(topic: str) -> Contract:
    from platform_assets.contracts.load import load_contracts
    from platform_assets.core.naming import TopicName

    contracts = load_contracts()
    try:
        return contracts[TopicName.parse(topic)]
    except (KeyError, ValueError) as error:
        raise WeirError(
            f"no topic {topic!r}", hint=f"topics: {', '.join(sorted(map(str, contracts)))}"
        ) from error


def _contracts(topic: str | None) -> Iterable[Contract]:
    from platform_assets.contracts.load import load_contracts

    return [_contract(topic)] if topic else load_contracts().values()


def _rejected(topic: TopicName, examples: int) -> list[dict[str, Any]]:
    import polars as pl
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    from platform_assets.core.settings import get_settings

    try:
        table = DeltaTable(f"{get_settings().lake_root}/{topic.quarantine.path}")
    except TableNotFoundError:
        return []
    frame = (
        pl.scan_delta(table)
        .group_by("rule")
        .agg(
            pl.len().alias("rows"),
            pl.col("kafka_timestamp").max().alias("newest"),
            pl.col("reason").first(),
            pl.format("{}-{}", "kafka_partition", "kafka_offset")
            .tail(max(1, examples))
            .alias("examples"),
        )
    )
    return frame.sort("rows", descending=True).collect().to_dicts()


def _show_windows(console: object) -> None:
    from rich.console import Console
    from rich.table import Table

    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.windows import Windows

    windows, ledger = Windows(get_settings()), Ledger(get_settings())
    table = Table("topic", "window", "micro-batches", "records", "published")
    for contract in _contracts(None):
        for key in windows.keys(contract.topic):
            totals = ledger.totals(contract.topic, key)
            table.add_row(
                str(contract.topic),
                key,
                f"{totals.batches:,}",
                f"{totals.records:,}",
                f"{totals.published:,}",
            )
    if isinstance(console, Console):
        console.print(table)


def _table(rows: Sequence[StreamRow]) -> Table:
    from rich.table import Table

    table = Table(
        "topic", "state", "lag", "rate/s", "last", "age", "records", "published", "quarantined",
        "duplicates", "dead", "late", "error",
    )  # fmt: skip
    for row in rows:
        age = f"{(datetime.now(UTC) - row.last_at).total_seconds():.0f} s" if row.last_at else "-"
        colour = {"running": "green", "paused": "yellow"}.get(row.state, "red")
        numbers = (
            row.records, row.published, row.quarantined, row.duplicates, row.dead_letters, row.late
        )  # fmt: skip
        table.add_row(
            row.topic,
            f"[{colour}]{row.state}[/]",
            f"{row.lag:,}",
            f"{row.rate:,.0f}",
            f"#{row.last_id}",
            age,
            *(f"{number:,}" for number in numbers),
            row.error or "",
        )
    return table
