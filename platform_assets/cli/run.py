"""``weir run``: everything with one command."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli.tables import (
    AsCsv,
    Column,
    Layout,
    check_formats,
    json_text,
    people,
)
from platform_assets.core.stopping import stopping as stopping_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from platform_assets.cli.tour import Figures
    from platform_assets.core.settings import Settings

ONCE_FOLDER = "once"
REPORT = "weekly-commerce"
"""The report that a run ends with."""

TOPICS = Layout(
    "run",
    (
        Column("topic"),
        Column("events", right=True),
        Column("bronze", "bronze_rows", right=True),
        Column("silver", "silver_rows", right=True),
        Column("quarantined", right=True),
        Column("duplicates", right=True, spare=1),
        Column("dead", "dead_letters", right=True, spare=3),
        Column("late", right=True, spare=2),
    ),
)
GOLD = Layout("run", (Column("gold table", "table"), Column("rows", right=True)))


def register(app: typer.Typer) -> None:
    """Add the command to ``weir``."""
    app.command(
        epilog="Examples:  weir run  |  weir run --once --events 200000 --seed 7 --json  |  "
        "weir run --rate 500  |  weir run --sources all"
    )(run)


def run(
    once: Annotated[
        bool, typer.Option("--once", help="Stop everything at the end; a fresh lake each time.")
    ] = False,
    events: Annotated[int, typer.Option(min=1, help="Records of history to simulate.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same history.")] = 1,
    weeks: Annotated[float, typer.Option(min=0.1, help="Weeks that the history spans.")] = 8,
    rate: Annotated[
        float, typer.Option(min=0, help="Live records per second afterwards (0: none).")
    ] = 50,
    sources: Annotated[
        str,
        typer.Option(
            help="Also connect live sources of these kinds to made-up systems: all, or some of "
            "cdc, files, graphql, mqtt, odata, rest, sql, webhook, with commas."
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line: one JSON object with all figures.")
    ] = False,
    as_csv: AsCsv = False,
) -> None:
    """Start the servers, simulate data, materialise everything, show row counts by topic and layer.

    Stays up with live data until Ctrl-C, which stops every process it started. The lake lies
    under WEIR_HOME and is kept: the next run reuses it. With --once the lake is stored in a
    folder of its own there and is made from scratch each time.
    """
    from platform_assets.cli import run_sources
    from platform_assets.cli.preflight import preflight
    from platform_assets.core.settings import get_settings
    from platform_assets.local import supervise

    check_formats(as_json, as_csv)
    console = people(sys.stderr)
    if once:
        home = get_settings().home / ONCE_FOLDER
        _fresh(home)
        os.environ["WEIR_HOME"] = str(home)
        get_settings.cache_clear()
    extra = run_sources.connect(sources, lambda line: console.print(line, soft_wrap=True))
    settings = get_settings()
    preflight(settings, lambda line: console.print(line, soft_wrap=True))
    with stopping_on_signals(interrupt=True) as stopping, ExitStack() as held:
        try:
            figures = _materialise_everything(
                settings,
                console,
                held,
                events=events,
                seed=seed,
                weeks=weeks,
                extra=extra,
                once=once,
            )
            if not once:
                held.close()
            _show(settings, console, figures, staying=not once)
            if sources:
                run_sources.show(settings, console, staying=not once)
            if not once:
                _stay(settings, console, stopping, seed=seed, rate=rate)
        except KeyboardInterrupt:
            console.print("interrupted: stopping")
            if once:
                raise typer.Exit(130) from None
        finally:
            console.print("stopping every server ...")
            ended = supervise.stop(settings)
            console.print(f"{ended} processes stopped")
    sys.stderr.flush()
    if as_json:
        typer.echo(json_text(figures.as_json(), indent=None))
    elif as_csv:
        TOPICS.show(_rows(figures), as_csv=True)


def _materialise_everything(
    settings: Settings,
    console: Console,
    held: ExitStack,
    *,
    events: int,
    seed: int,
    weeks: float,
    extra: tuple[str, ...],
    once: bool,
) -> Figures:
    """Servers, history, stream, gold, report; ``held`` lets go what would wait for all of them."""
    from platform_assets.cli import tour
    from platform_assets.cli.run_sources import await_rows
    from platform_assets.cli.servers import Progress
    from platform_assets.connectors.publish import ensure_topics
    from platform_assets.connectors.simulate.history import simulate_history
    from platform_assets.contracts.load import load_contracts
    from platform_assets.gold.project import FULL_GOLD_JOB, ensure_manifest
    from platform_assets.local import postgres, servers, supervise
    from platform_assets.local.starting import Work

    figures = tour.Figures()

    def say(text: str) -> None:
        console.print(text, style="dim", soft_wrap=True)

    def hold(_cancelled: threading.Event) -> None:
        held.enter_context(tour.lease(settings))

    def simulate(cancelled: threading.Event) -> None:
        if not _is_empty(settings):
            say(
                "the lake already holds data and is reused (for a fresh one, remove the folder "
                f"{settings.home})"
            )
            return
        with figures.stage("simulate", say), suppress(_CancelledError):
            ensure_topics(settings, load_contracts().values())
            sent = _counter(console, "records sent", cancelled)
            simulate_history(settings, seed, events, weeks, progress=sent)

    with figures.stage("servers", say):
        ensure_manifest()
        progress = Progress()
        with progress:
            supervise.start(
                settings,
                (*servers.default(settings), *extra),
                progress.report,
                progress.fetched,
                beside=(Work((postgres.NAME,), hold), Work(servers.STORES, simulate)),
            )
    with figures.stage("stream", say):
        waiting = _counter(console, "records published")
        tour.wait_for_stream(settings, waiting)
    with figures.stage("gold", say):
        _make(settings, figures, say, "gold", FULL_GOLD_JOB)
    with figures.stage("report", say):
        figures.report = _report(settings, figures, say)
    if extra:
        with figures.stage("sources", say):
            await_rows(settings, None if once else say)
    with figures.stage("measure", say):
        tour.measure(settings, figures)
    return figures


def _report(settings: Settings, figures: Figures, say: Callable[[str], None]) -> str:
    """Make the commerce report of the last week that is over; returns its period."""
    from reports.assets.report import job_name, latest_period
    from reports.definition import load_definitions

    definition = load_definitions()[REPORT]
    period = latest_period(definition, datetime.now(UTC))
    _make(settings, figures, say, "report", job_name(REPORT), period.start.isoformat())
    return period.key


def _make(
    settings: Settings,
    figures: Figures,
    say: Callable[[str], None],
    stage: str,
    job: str,
    partition: str = "",
) -> None:
    """Launch a job and wait for its end; tells what it makes, and where its seconds went."""
    from platform_assets.cli import launch

    run_id = launch.launch(settings, job, say, partition=partition)
    seconds = launch.wait(settings, job, run_id, made=lambda key: say(f"  made {key}"))
    figures.add(stage, seconds, say)


def _is_empty(settings: Settings) -> bool:
    """Whether nothing was simulated yet; live sources may already have sent."""
    from platform_assets.connectors.simulate import DEFAULT_TOPICS
    from platform_assets.core.naming import TopicName
    from platform_assets.streaming.ledger import Ledger

    ledger = Ledger(settings)
    return not any(ledger.totals(TopicName.parse(topic)).records for topic in DEFAULT_TOPICS)


def _fresh(home: Path) -> None:
    from platform_assets.core.settings import get_settings
    from platform_assets.local import supervise

    supervise.stop(get_settings().model_copy(update={"home": home}))
    shutil.rmtree(home, ignore_errors=True)


class _CancelledError(Exception):
    """The servers do not come up, or Ctrl-C: nothing more is sent."""


def _counter(
    console: Console, what: str, cancelled: threading.Event | None = None
) -> Callable[[int, int], None]:
    """Progress for people: a line whenever a tenth more is done; ends what is cancelled."""
    last = [-1]

    def show(done: int, total: int) -> None:
        if cancelled is not None and cancelled.is_set():
            raise _CancelledError
        tenth = done * 10 // max(1, total)
        if tenth != last[0]:
            last[0] = tenth
            console.print(f"  {done:,} of {total:,} {what}")

    return show


def _rows(figures: Figures) -> list[dict[str, Any]]:
    return [{"topic": name, **vars(topic)} for name, topic in sorted(figures.topics.items())]


def _show(settings: Settings, console: Console, figures: Figures, *, staying: bool) -> None:
    """The figures, and what was made; addresses only of servers that stay up."""
    from rich.padding import Padding

    from platform_assets.cli.servers import SERVERS
    from platform_assets.local import supervise
    from reports.portal.addresses import report_url
    from reports.store import ReportStore

    TOPICS.show(_rows(figures), title="Row counts by topic and layer", console=console)
    tables = [{"table": name, "rows": count} for name, count in sorted(figures.gold.items())]
    GOLD.show(tables, console=console)
    rows = supervise.status(settings)
    SERVERS.show([row.as_dict() for row in rows], console=console)
    console.print(f"together {sum(row.memory_bytes for row in rows) / (1 << 20):,.0f} MiB")
    store = ReportStore(settings)
    console.print(f"Report:   {store.document(REPORT, figures.report)}", soft_wrap=True)
    for notice in store.load(REPORT, figures.report).notices:
        if notice.rule == "pdf":
            console.print(Padding(notice.message, (0, 0, 0, 10)))
    if not staying:
        return
    console.print(f"Dagster:  {settings.dagster_url}", soft_wrap=True)
    console.print(
        f"Portal:   {report_url(settings, REPORT, figures.report)}   sign in after: "
        f"weir portal users add board --report {REPORT}",
        soft_wrap=True,
    )
    console.print(
        f"Trino:    weir sql   or   trino --server http://{settings.trino_host}:"
        f"{settings.trino_port} --user analyst",
        soft_wrap=True,
    )


def _stay(
    settings: Settings, console: Console, stopping: threading.Event, *, seed: int, rate: float
) -> None:
    from platform_assets.connectors.simulate.live import simulate_live

    console.print(f"live data at {rate:.0f} records per second; Ctrl-C stops everything")
    if rate > 0:
        simulate_live(settings, seed, rate, stopping)
    stopping.wait()
