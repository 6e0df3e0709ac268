"""``weir streams``, ``weir quarantine``: what the stream does, and what it could not take."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, check_formats, people
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.contracts.model import Contract
    from platform_assets.core.naming import TopicName
    from platform_assets.core.settings import Settings
    from platform_assets.gold.held import HeldModel

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

_COLOURS = {"running": "green", "paused": "yellow"}
STREAMS = Layout(
    "streams",
    (
        Column("topic"),
        Column("state", style=lambda row: _COLOURS.get(row["state"], "red")),
        Column("lag", right=True),
        Column("bulk files", show=lambda row: f"{row['bulk_files'] or ''}", right=True, spare=9),
        Column("rate/s", "rate", lambda row: f"{row['rate']:,.0f}", right=True, spare=1),
        Column("last", "last_id", lambda row: f"#{row['last_id']}", right=True, spare=6),
        Column("age", "last_at", lambda row: _age(row["last_at"]), right=True, spare=2),
        Column("records", right=True),
        Column("published", right=True, spare=3),
        Column("quarantined", right=True, spare=4),
        Column("duplicates", right=True, spare=8),
        Column("dead", "dead_letters", right=True, spare=5),
        Column("late", right=True, spare=7),
        Column("error", fold=True),
    ),
)
WINDOWS = Layout(
    "streams",
    (
        Column("topic"),
        Column("window"),
        Column("micro-batches", "batches", right=True),
        Column("records", right=True),
        Column("published", right=True),
    ),
)
GOLD = Layout(
    "streams",
    (
        Column("model"),
        Column("since"),
        Column("tries", "failures", right=True),
        Column("next try", "retry_at"),
        Column("reason", fold=True),
    ),
)
QUARANTINE = Layout(
    "quarantine list",
    (
        Column("topic"),
        Column("rule", fold=True),
        Column("rows", right=True),
        Column("newest", spare=1),
        Column("reason", fold=True),
        Column("examples", fold=True, spare=2),
    ),
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
    gold: Annotated[
        bool, typer.Option(help="List the fresh gold models that fail and are held back.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Lag, bulk files that wait, rate, last micro-batch and errors of each topic."""
    if context.invoked_subcommand is not None:
        return
    from rich.live import Live

    from platform_assets.connectors.seam.bulk import BulkFiles
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.topics import TopicStates

    settings = get_settings()
    check_formats(as_json, as_csv)
    if windows:
        WINDOWS.show(_windows(), as_json=as_json, as_csv=as_csv)
        return
    if gold:
        GOLD.show([asdict(row) for row in _held(settings)], as_json=as_json, as_csv=as_csv)
        return
    states = TopicStates(settings)

    with closing(BulkFiles(settings)) as files:

        def rows() -> list[dict[str, Any]]:
            waiting = Counter(one.topic for one in files.files(waiting=True))
            return [{**asdict(row), "bulk_files": waiting[row.topic]} for row in states.rows()]

        if as_json or as_csv or not watch:
            STREAMS.show(rows(), as_json=as_json, as_csv=as_csv)
            if not as_json and not as_csv:
                tell_held(settings)
            return
        console = people()
        with Live(STREAMS.render(rows(), console.width), console=console) as live:
            while True:
                time.sleep(1)
                live.update(STREAMS.render(rows(), console.width))


def _held(settings: Settings) -> list[HeldModel]:
    from platform_assets.gold.held import HeldModels

    models = HeldModels(settings)
    try:
        return models.rows()
    finally:
        models.close()


def tell_held(settings: Settings) -> None:
    """Say which fresh gold models fail; nothing where all follow silver."""
    for row in _held(settings):
        typer.echo(
            f"gold model {row.model} is held back since {row.since:%Y-%m-%d %H:%M} "
            f"({row.failures} tries, next at {row.retry_at:%H:%M:%S}): {row.reason}"
        )


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
            help="Let pass what it is halted over, once: the held micro-batch's rows, or records "
            "that the log has lost. For no other records and no other reason.",
        ),
    ] = False,
) -> None:
    """Resume a paused or halted topic: the same records are tried again. Says what follows."""
    from platform_assets.core.naming import STREAM_LEASE
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.locks import read_lease
    from platform_assets.streaming.topics import TopicStates

    settings, name = get_settings(), _contract(topic).topic
    states = TopicStates(settings)
    state = states.read(name)
    if accept:
        what = states.accept(name).accepting()
    elif state.halted_contract is not None:
        what = state.halt.resuming() if state.halt else "the same records are tried again"
    elif state.paused:
        what = "it continues where it was paused"
    else:
        typer.echo(f"{topic} is neither paused nor halted; nothing was changed")
        return
    states.set_paused(name, paused=False)
    lease = read_lease(settings, STREAM_LEASE)
    when = "" if lease and lease.held else " once a stream run is alive, which none is now"
    typer.echo(f"Resumed {topic}{when}: {what}; see: weir streams")


@streams.command()
def adopt(
    topic: TopicArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what it would mean.")
    ] = False,
) -> None:
    """Continue with a topic that was deleted and recreated, or whose log was cut off.

    Everything that it holds now is taken, as new micro-batches. What is in the tables stays, and
    is from then on replayed from bronze alone.
    """
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.adopt import adopt as begin
    from platform_assets.streaming.adopt import adoption
    from platform_assets.streaming.open import open_processor
    from platform_assets.streaming.topics import TopicStates

    contract, settings = _contract(topic), get_settings()
    with open_processor(settings, run_id="weir streams adopt") as processor:
        if dry_run:
            found = adoption(processor, contract)
        else:
            found = begin(processor, contract, TopicStates(settings))
    what = "was deleted and recreated" if found.recreated else "is the same, its log was cut off"
    typer.echo(f"{topic} {what} (id {found.before.topic_id}, now {found.after.topic_id})")
    for partition in sorted({*found.recorded, *found.extents}):
        log = found.extents.get(partition)
        held = f"offsets {log.low} to {log.high}" if log else "no such partition"
        typer.echo(f"  partition {partition}: taken up to {found.recorded.get(partition, 0)}, "
                   f"the log now holds {held}")  # fmt: skip
    for number, records in found.lost.items():
        typer.echo(f"  micro-batch {number} never landed: its {records} records are lost")
    if found.kept:
        typer.echo(f"  micro-batches {list(found.kept)} are finished from bronze")
    typer.echo(
        "Nothing was changed; without --dry-run all that the log holds is taken"
        if dry_run
        else f"Generation {found.after.number} begins: all that the log holds is taken"
    )


@quarantine.command("list")
def list_quarantine(
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    rows: Annotated[int, typer.Option(help="Show this many newest rows of each rule.")] = 0,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Rejected rows by topic and rule; ``--rows`` shows examples."""
    check_formats(as_json, as_csv)
    found = [
        {"topic": str(contract.topic), **row}
        for contract in _contracts(topic)
        for row in _rejected(contract.topic, rows)
    ]
    if not (found or as_json or as_csv):
        typer.echo("quarantine is empty")
        return
    QUARANTINE.show(found, as_json=as_json, as_csv=as_csv)


@quarantine.command("replay")
def replay_quarantine(
    topic: TopicArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done.")
    ] = False,
    held_only: Annotated[
        bool,
        typer.Option(
            "--held-only",
            help="Leave out micro-batches of which bronze no longer holds all records.",
        ),
    ] = False,
) -> None:
    """Publish micro-batches with rejected rows again, under the contract as it is now.

    Rows that now pass move to silver; the first record of a key wins, as if the contract had
    been so from the start. Doing it twice changes nothing. If bronze no longer holds all records
    of one of them, nothing is replayed: what is left would replace what was published.
    """
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.open import open_processor

    contract = _contract(topic)
    with open_processor(get_settings(), run_id="weir quarantine replay") as processor:
        rejects = processor.ledger.batches_with_rejects(contract.topic)
        if not rejects:
            typer.echo(f"{topic}: nothing to replay, quarantine is empty and so are dead letters")
            return
        batches = processor.replayable(contract, rejects)
        before = processor.ledger.totals(contract.topic)
        if gone := len(rejects) - len(batches):
            typer.echo(
                f"{topic}: bronze no longer holds all records of {gone} of these {len(rejects)} "
                "micro-batches; --held-only replays the others", err=True,
            )  # fmt: skip
        if dry_run:
            left, dead = processor.preview(contract, batches)
            typer.echo(
                f"{topic}: {len(rejects)} micro-batches hold {before.quarantined:,} quarantined "
                f"rows and {before.dead_letters:,} dead letters; of the {len(batches)} that can be "
                f"replayed, {left:,} and {dead:,} would stay"
            )
            return
        if not held_only:
            batches = rejects
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


def _windows() -> list[dict[str, Any]]:
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.windows import Windows

    windows, ledger = Windows(get_settings()), Ledger(get_settings())
    found = []
    for contract in _contracts(None):
        for key in windows.keys(contract.topic):
            totals = ledger.totals(contract.topic, key)
            found.append(
                {
                    "topic": str(contract.topic),
                    "window": key,
                    "batches": totals.batches,
                    "records": totals.records,
                    "published": totals.published,
                }
            )
    return found


def _age(moment: datetime | None) -> str:
    return f"{(datetime.now(UTC) - moment).total_seconds():,.0f} s" if moment else "-"
