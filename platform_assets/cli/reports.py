"""``weir report``: a report of one period, from facts to delivery, as Dagster would make it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from platform_assets.core.settings import Settings
    from reports.definition import Definition
    from reports.facts.collect import FactSheet
    from reports.periods import Period


def register(app: typer.Typer) -> None:
    """Add the command to ``weir``."""
    app.command("report", no_args_is_help=False)(report)


def report(
    name: Annotated[str | None, typer.Argument(help="A report; without one, list them.")] = None,
    period: Annotated[
        str | None,
        typer.Option(
            help="Its period: 2010-W50, 2010-12-13 or 2010-12. Default: the last complete one."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the facts; make and send nothing.")
    ] = False,
    deliver: Annotated[bool, typer.Option(help="Send it to its recipients.")] = True,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send again to recipients who already have it.")
    ] = False,
    reproduce: Annotated[
        bool, typer.Option("--reproduce", help="Read the snapshots of the existing report.")
    ] = False,
) -> None:
    """Make a report: weir report weekly-commerce --period 2010-W50."""
    from platform_assets.core.settings import get_settings
    from reports.assets.report import latest_period
    from reports.definition import load_definitions
    from reports.periods import Period

    definitions = load_definitions()
    if name is None:
        _list(definitions, get_settings())
        return
    if name not in definitions:
        raise WeirError(f"no report {name!r}", f"one of {', '.join(definitions)}")
    definition = definitions[name]
    wanted = (
        Period.parse(period, definition.period)
        if period
        else latest_period(definition, datetime.now(UTC))
    )
    _check_made(definition, wanted)
    if dry_run:
        show_facts(definition, wanted, get_settings())
        return
    _make(definition, wanted, get_settings(), deliver=deliver, resend=resend, reproduce=reproduce)


def _check_made(definition: Definition, period: Period) -> None:
    """Refuse a period that no partition is for."""
    from reports.assets.report import partitions
    from reports.periods import Period

    known = partitions(definition)
    if known.has_partition_key(period.start.isoformat()):
        return
    first, last = (
        Period.of(date.fromisoformat(key), definition.period).key
        for key in (known.get_first_partition_key(), known.get_last_partition_key())
        if key
    )
    raise WeirError(
        f"{definition.name} has no period {period.key}",
        f"the first is {first} (first_period in its YAML), the current one is {last}",
    )


def _make(
    definition: Definition,
    period: Period,
    settings: Settings,
    *,
    deliver: bool,
    resend: bool,
    reproduce: bool,
) -> None:
    from rich.console import Console

    from platform_assets.cli import launch
    from reports.assets.report import asset_prefix, job_name
    from reports.portal.addresses import report_url
    from reports.store import PDF, ReportStore
    from reports.wording import format_fact

    console = Console(stderr=True)

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    job, stem = job_name(definition.name), "__".join(asset_prefix(definition.name))
    run_id = launch.launch(
        settings,
        job,
        say,
        partition=period.start.isoformat(),
        run_config={
            "ops": {
                f"{stem}__facts": {"config": {"reproduce": reproduce}},
                f"{stem}__delivery": {"config": {"send": deliver, "resend": resend}},
            },
        },
    )
    launch.wait(settings, job, run_id, say=say)
    store = ReportStore(settings)
    done = store.load(definition.name, period.key)
    for notice in done.notices:
        console.print(f"[yellow]{notice.rule}[/]: {notice.message}", highlight=False)
    if done.held:
        console.print(f"[yellow]held back[/]: {done.held}", highlight=False)
    for fact_id in done.headline:
        fact = done.fact(fact_id)
        console.print(f"  {fact.label}: [bold]{format_fact(fact, done.language)}[/]")
    typer.echo(f"PDF:     {store.path(done.name, done.period, PDF)}")
    typer.echo(f"Portal:  {report_url(settings, done.name, done.period)}")
    typer.echo(f"Run:     {settings.dagster_url}/runs/{run_id}")


def show_facts(definition: Definition, period: Period, settings: Settings) -> None:
    """Print the facts of a period: KPIs, changes, members and gaps; earlier points are counted."""
    from rich.console import Console
    from rich.table import Table

    from reports.facts.collect import collect
    from reports.wording import format_fact

    console = Console()
    sheet: FactSheet = collect(
        definition, period, settings, progress=lambda kpi: typer.echo(f"reading {kpi}", err=True)
    )
    table = Table("fact", "what", "value", "period", title=f"{definition.title}, {period.key}")
    shown = [fact for fact in sheet.facts if not fact.is_point]
    for fact in shown:
        value = fact.gap or format_fact(fact, definition.language)
        table.add_row(fact.id, fact.entity or fact.label, value, fact.period)
    console.print(table)
    if points := len(sheet.facts) - len(shown):
        console.print(f"and {points} values of earlier periods, for charts and ranks")
    for notice in sheet.notices:
        console.print(f"{notice.rule}: {notice.message}", highlight=False)


def _list(definitions: dict[str, Definition], settings: Settings) -> None:
    from rich.console import Console
    from rich.table import Table

    from reports.store import ReportStore

    store = ReportStore(settings)
    table = Table("report", "title", "every", "schedule", "made", "last")
    for definition in definitions.values():
        made = store.periods(definition.name)
        when = f"{definition.schedule.cron} {definition.schedule.timezone}"
        last = made[-1] if made else "-"
        table.add_row(
            definition.name, definition.title, definition.period, when, str(len(made)), last
        )
    Console().print(table)
