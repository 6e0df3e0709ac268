"""``weir simulate``, ``weir ingest``, ``weir contracts``: data in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from platform_assets.cli.tables import AsCsv, Column, Layout, check_formats, json_text, people
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import get_settings
from platform_assets.core.stopping import stopping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.connectors.files import IngestResult
    from platform_assets.connectors.simulate import Shares, Shift, SimulationResult

_PROGRESS = Console(stderr=True)

SIMULATED = Layout(
    "simulate",
    (
        Column("topic"),
        Column("records", "events", right=True),
        Column("good", right=True),
        Column("duplicates", right=True),
        Column("late", right=True, spare=1),
        Column("broken", show=lambda row: f"{_broken(row):,}", right=True),
        Column("undecodable", "dead_letters", right=True, spare=2),
    ),
)

Share = Annotated[float, typer.Option(min=0.0, max=0.5)]
Factor = Annotated[float, typer.Option(min=0.01, help="Factor; needs --shift-from.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("simulate")(simulate)
    app.command("ingest")(ingest)
    contracts = typer.Typer(no_args_is_help=True, help="Data contracts: check, show.")
    contracts.command("check")(contracts_check)
    contracts.command("schema")(contracts_schema)
    app.add_typer(contracts, name="contracts")


def simulate(
    events: Annotated[int, typer.Option(min=0, help="Records of history, over all topics.")] = (
        200_000
    ),
    seed: Annotated[int, typer.Option(help="Same seed and arguments: the same bytes.")] = 7,
    weeks: Annotated[float, typer.Option(min=0.01, help="Length of the history.")] = 8,
    until: Annotated[
        str | None, typer.Option(help="End of the history (ISO 8601); default: the last full hour.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.01, help="Live records per second.")] = 50,
    live: Annotated[bool, typer.Option("--live", help="Skip the history.")] = False,
    history_only: Annotated[bool, typer.Option("--history-only", help="No live data.")] = False,
    duration: Annotated[float | None, typer.Option(help="Seconds of live data.")] = None,
    topics: Annotated[
        list[str] | None, typer.Option(help="A topic; may be repeated. Default: all simulated.")
    ] = None,
    share_duplicates: Share = 0.01,
    share_late: Share = 0.01,
    share_out_of_order: Share = 0.02,
    share_broken: Share = 0.01,
    shift_from: Annotated[
        str | None, typer.Option(help="From this time on (ISO 8601) visitors behave differently.")
    ] = None,
    shift_conversion: Factor = 1.0,
    shift_activity: Factor = 1.0,
    shift_price: Factor = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    as_csv: AsCsv = False,
) -> None:
    """Send simulated data: weeks of history flat out, then live until Ctrl-C.

    Examples:
      weir simulate --events 200000 --seed 7 --history-only
      weir simulate --live --rate 1250 --duration 600
      weir simulate --history-only --shift-from 2026-11-14 --shift-conversion 3
    """
    from platform_assets.connectors.simulate import Shares

    check_formats(as_json, as_csv)
    if live and history_only:
        raise WeirError("--live and --history-only cannot be combined", "give one of them")
    shares = Shares(share_duplicates, share_late, share_out_of_order, share_broken)
    shift = _shift(shift_from, shift_conversion, shift_activity, shift_price)
    results: list[SimulationResult] = []
    if not live:
        results.append(_history(events, seed, weeks, until, shares, topics, shift))
    if not history_only:
        results.append(_live(seed, rate, duration, shares, topics, shift))
    if as_json:
        typer.echo(json_text([result.as_json() for result in results], indent=None))
        return
    if as_csv:
        every = [row for result in results for row in _simulated(result)]
        SIMULATED.show(every, as_csv=True)
        return
    for result in results:
        what = f"history until {result.until:%Y-%m-%d %H:%M} UTC" if result.until else "live"
        made = f"{result.events:,} records in {result.seconds:.1f} s"
        SIMULATED.show(_simulated(result), title=f"{what}, seed {result.seed}: {made}")


def _history(
    events: int,
    seed: int,
    weeks: float,
    until: str | None,
    shares: Shares,
    topics: list[str] | None,
    shift: Shift | None,
) -> SimulationResult:
    from platform_assets.connectors.simulate import simulate_history

    end = _moment("--until", until)
    with _bar() as progress:
        task = progress.add_task("history", total=events)
        return simulate_history(
            get_settings(),
            seed,
            events,
            weeks,
            end,
            shares=shares,
            topics=topics,
            shift=shift,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _live(
    seed: int,
    rate: float,
    duration: float | None,
    shares: Shares,
    topics: list[str] | None,
    shift: Shift | None,
) -> SimulationResult:
    from platform_assets.connectors.simulate import simulate_live

    total = None if duration is None else int(rate * duration)
    with stopping() as stop, _bar() as progress:
        task = progress.add_task(f"live, {rate:g}/s; Ctrl-C stops", total=total)
        return simulate_live(
            get_settings(),
            seed,
            rate,
            stop,
            duration,
            topics,
            shares=shares,
            shift=shift,
            progress=lambda sent: progress.update(task, completed=sent),
        )


def ingest(
    path: Annotated[Path, typer.Argument(help="A CSV file, or a folder of them.")],
    source: Annotated[str, typer.Option(help="The source instance, e.g. online_retail.")],
    again: Annotated[bool, typer.Option("--again", help="Send files sent before, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and map only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Send files to the log, each once; bad rows go to the topic's dead-letter topic.

    Example:
      weir ingest ../shared/data/online_retail --source online_retail
    """
    from platform_assets.connectors.files import ingest as ingest_files

    with _bar() as progress:
        task = progress.add_task("reading", total=None)
        result = ingest_files(
            get_settings(),
            path,
            source,
            again=again,
            dry_run=dry_run,
            progress=lambda file, rows: progress.update(task, description=file, completed=rows),
        )
    _print_ingest(result, dry_run, aside=as_json)
    if as_json:
        counts: dict[str, Any] = {"events": result.events, "dead_letters": result.dead_letters}
        counts["conflicts"] = result.conflicts
        counts["files"] = [vars(outcome) for outcome in result.files]
        typer.echo(json_text(counts, indent=None))
    if any(outcome.error for outcome in result.files):
        raise typer.Exit(1)


def contracts_check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files; default: all.")] = None,
) -> None:
    """Check contracts; says file, line, property and what was expected.

    Example:
      weir contracts check platform_assets/contracts/commerce.clickstream.yaml
    """
    from platform_assets.contracts.load import (
        ContractError,
        contract_files,
        load_contract,
        load_contracts,
    )
    from platform_assets.gold.review import misfitting

    failed = False
    for path in paths or contract_files():
        try:
            contract = load_contract(path)
        except ContractError as error:
            failed = True
            _say("refused", str(error), style="red")
            continue
        others = {**load_contracts(), contract.topic: contract}
        for misfit in misfitting(others.values()):
            if misfit.path == Path(contract.path):
                failed = True
                _say("refused", str(misfit.error), style="red")
        _say(
            "ok",
            f"{contract.topic}: {contract.kind}, "
            f"{len(contract.columns)} columns, {len(contract.rules)} rules, "
            f"key {', '.join(contract.key)}, event time {contract.event_time}",
            style="green",
        )
    if failed:
        raise typer.Exit(1)


def contracts_schema(topic: Annotated[str, typer.Argument(help="domain.entity")]) -> None:
    """Print the Avro schema that a topic's values have."""
    from platform_assets.connectors.simulate.plan import contract_of
    from platform_assets.contracts.avro import value_schema

    typer.echo(json.dumps(value_schema(contract_of(topic)), indent=2))


def _shift(moment: str | None, conversion: float, activity: float, price: float) -> Shift | None:
    from platform_assets.connectors.simulate import Shift

    begins = _moment("--shift-from", moment)
    if begins is not None:
        return Shift(begins, conversion, activity, price)
    if (conversion, activity, price) != (1.0, 1.0, 1.0):
        raise WeirError("a shift needs a start", "add --shift-from, e.g. 2026-11-14T00:00")
    return None


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WeirError(
            f"{option} {text!r} is not a valid timestamp", f"e.g. {option} 2026-11-01T00:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=_PROGRESS,
        transient=True,
    )


def _simulated(result: SimulationResult) -> list[dict[str, Any]]:
    """A row for each topic; the count of broken records is a dictionary by fault."""
    topics: dict[str, dict[str, Any]] = result.as_json()["topics"]
    return [{"topic": name, **counts} for name, counts in topics.items()]


def _broken(row: Mapping[str, Any]) -> int:
    return int(sum(row["broken"].values()) - row["dead_letters"])


def _say(mark: str, text: str, style: str) -> None:
    """A line that is never folded, with a coloured word first."""
    from rich.text import Text

    people().print(Text.assemble((mark, style), f" {text}"), soft_wrap=True)


def _print_ingest(result: IngestResult, dry_run: bool, *, aside: bool) -> None:
    """What was sent and refused; on standard error where a program reads the other."""
    skipped = sum(outcome.skipped for outcome in result.files)
    verb = "would send" if dry_run else "sent"
    typer.echo(
        f"{result.source}: {len(result.files)} files ({skipped} ingested before), "
        f"{verb} {result.events:,} records, {result.dead_letters:,} dead letters, "
        f"{result.conflicts:,} of them conflicts",
        err=aside,
    )
    for outcome in result.files:
        for reason in outcome.reasons:
            typer.echo(f"  dead letter: {reason}", err=aside)
        if outcome.error:
            typer.echo(f"  refused: {outcome.error}", err=aside)
