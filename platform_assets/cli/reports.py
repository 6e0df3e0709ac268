"""``weir report``: a report of one period, from facts to delivery, as Dagster would make it."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, check_formats, people
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from platform_assets.core.settings import Settings
    from reports.definition import Definition
    from reports.facts.collect import FactSheet
    from reports.periods import Period

REPORTS = Layout(
    "report",
    (
        Column("report"),
        Column("title", fold=True),
        Column("every", spare=2),
        Column("schedule", spare=1),
        Column("made", right=True),
        Column("last"),
    ),
)
FACTS = Layout(
    "report",
    (
        Column("fact", fold=True),
        Column("what", fold=True),
        Column("value", fold=True),
        Column("period"),
    ),
)


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
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Make a report: weir report weekly-commerce --period 2010-W50.

    --json and --csv are for the list and for --dry-run.
    """
    from platform_assets.core.settings import get_settings
    from reports.assets.report import latest_period
    from reports.definition import load_definitions
    from reports.periods import Period

    check_formats(as_json, as_csv)
    definitions = load_definitions()
    if name is None:
        REPORTS.show(_listed(definitions, get_settings()), as_json=as_json, as_csv=as_csv)
        return
    if (as_json or as_csv) and not dry_run:
        raise WeirError("--json and --csv print the list or the facts", "add --dry-run")
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
        show_facts(definition, wanted, get_settings(), as_json=as_json, as_csv=as_csv)
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
    from platform_assets.cli import launch, links
    from reports.assets.report import asset_prefix, job_name
    from reports.portal.addresses import report_url
    from reports.store import ReportStore
    from reports.wording import format_fact

    console = people(sys.stderr)

    def say(line: str) -> None:
        console.print(line)

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
        console.print(f"{notice.rule}: {notice.message}")
    if done.held:
        console.print(f"held back: {done.held}", style="yellow")
    for fact_id in done.headline:
        fact = done.fact(fact_id)
        console.print(f"  {fact.label}: {format_fact(fact, done.language)}")
    document = store.document(done.name, done.period)
    typer.echo(f"{'PDF: ' if document.suffix == '.pdf' else 'Page:'}    {document}")
    if links.answers(settings.portal_url):
        typer.echo(f"Portal:  {report_url(settings, done.name, done.period)}")
    typer.echo(f"Run:     {settings.dagster_url}/runs/{run_id}")


def show_facts(
    definition: Definition,
    period: Period,
    settings: Settings,
    *,
    as_json: bool = False,
    as_csv: bool = False,
) -> None:
    """Print the facts of a period: KPIs, changes, members and gaps; earlier points are counted."""
    from reports.facts.collect import collect
    from reports.wording import format_fact

    sheet: FactSheet = collect(
        definition, period, settings, progress=lambda kpi: typer.echo(f"reading {kpi}", err=True)
    )
    shown = [fact for fact in sheet.facts if not fact.is_point]
    rows = [
        {
            "fact": fact.id,
            "what": fact.entity or fact.label,
            "value": fact.gap or format_fact(fact, definition.language),
            "period": fact.period,
        }
        for fact in shown
    ]
    title = f"{definition.title}, {period.key}"
    FACTS.show(rows, as_json=as_json, as_csv=as_csv, title=title)
    if as_json or as_csv:
        return
    if points := len(sheet.facts) - len(shown):
        typer.echo(f"and {points} values of earlier periods, for charts and ranks")
    for notice in sheet.notices:
        typer.echo(f"{notice.rule}: {notice.message}")


def _listed(definitions: dict[str, Definition], settings: Settings) -> list[dict[str, Any]]:
    from reports.store import ReportStore

    store = ReportStore(settings)
    rows = []
    for definition in definitions.values():
        made = store.periods(definition.name)
        rows.append(
            {
                "report": definition.name,
                "title": definition.title,
                "every": str(definition.period),
                "schedule": f"{definition.schedule.cron} {definition.schedule.timezone}",
                "made": len(made),
                "last": made[-1] if made else "-",
            }
        )
    return rows
