"""``weir deliveries``: what was sent to whom; dead deliveries tried again."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli.tables import AsCsv, Column, Layout, check_formats, people
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.delivery.model import Delivery, Key

deliveries = typer.Typer(
    help="Deliveries of reports: what was sent to whom; retry dead ones.",
    no_args_is_help=True,
    epilog="Examples:  weir deliveries list --state dead  |  "
    "weir deliveries retry --report weekly-commerce --period 2010-W50",
)

DELIVERIES = Layout(
    "deliveries list",
    (
        Column("report"),
        Column("period"),
        Column("recipient", fold=True),
        Column("state"),
        Column("attempts", right=True, spare=2),
        Column("changed", "updated_at", spare=1),
        Column("last error", "last_error", fold=True),
    ),
)

ReportOption = Annotated[str | None, typer.Option(help="Name of a report.")]
PeriodOption = Annotated[str | None, typer.Option(help="A period, e.g. 2010-W50.")]
AsLines = Annotated[bool, typer.Option("--json", help="One JSON object per row.")]
RecipientOption = Annotated[
    str | None, typer.Option(help="As written in the definition, e.g. mailto:board@example.com.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(deliveries, name="deliveries")


@deliveries.command("list")
def list_(
    report: ReportOption = None,
    period: PeriodOption = None,
    recipient: RecipientOption = None,
    state: Annotated[str | None, typer.Option(help="pending, sent, failed, dead or held.")] = None,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 100,
    as_json: AsLines = False,
    as_csv: AsCsv = False,
) -> None:
    """Show deliveries, the last changed first: weir deliveries list --state dead."""
    from platform_assets.core.settings import get_settings
    from reports.delivery.log import DeliveryLog
    from reports.delivery.model import State

    check_formats(as_json, as_csv)
    if state is not None and state not in set(State):
        raise WeirError(f"--state {state!r} is unknown", f"one of {', '.join(State)}")
    rows = DeliveryLog(get_settings()).find(
        report=report,
        period=period,
        recipient=recipient,
        state=State(state) if state else None,
        limit=limit,
    )
    DELIVERIES.show([_flat(row) for row in rows], as_json=as_json, as_csv=as_csv, lines=True)


@deliveries.command("retry")
def retry(
    report: ReportOption = None,
    period: PeriodOption = None,
    recipient: RecipientOption = None,
    dry_run: Annotated[bool, typer.Option(help="Only show what would be tried.")] = False,
    as_json: AsLines = False,
    as_csv: AsCsv = False,
) -> None:
    """Try dead deliveries again, all or those named: weir deliveries retry --report weekly."""
    from platform_assets.core.settings import get_settings
    from reports.delivery.log import DeliveryLog
    from reports.delivery.model import State

    log, console = DeliveryLog(get_settings()), people()
    if dry_run:
        dead = log.find(report=report, period=period, recipient=recipient, state=State.DEAD)
        DELIVERIES.show([_flat(row) for row in dead], as_json=as_json, as_csv=as_csv, lines=True)
        return
    keys = log.retry_dead(report=report, period=period, recipient=recipient)
    if not keys:
        console.print("No matching dead delivery.")
        return
    lost = 0
    for (name, of), group in groupby(keys, key=lambda key: (key.report, key.period)):
        with console.status(f"{name} {of}: sending"):
            lines = _send(name, of, list(group))
        for line, good in lines:
            console.print(line, style=None if good else "red", markup=False)
            lost += not good
    if lost:
        raise WeirError(f"{lost} of {len(keys)} not sent", "see: weir deliveries list")


def _send(name: str, period: str, keys: Sequence[Key]) -> list[tuple[str, bool]]:
    """Send one report to recipients on record; a line and its success for each."""
    from platform_assets.core.databases import DatabaseError
    from platform_assets.core.settings import get_settings
    from reports.delivery.log import DeliveryLog
    from reports.delivery.model import State
    from reports.delivery.send import Result, deliver
    from reports.recipients import Recipient
    from reports.store import ReportStore

    settings = get_settings()
    try:
        document = ReportStore(settings).load(name, period)
        outcomes = deliver(document, [Recipient.parse(key.recipient) for key in keys], settings)
    except DatabaseError:
        raise
    except WeirError as error:
        # Nothing went out: they are as dead as before, and the other reports are tried.
        log = DeliveryLog(settings)
        for key in keys:
            log.end(key, State.DEAD, str(error))
        return [(f"{name} {period} {key.recipient}: {error}", False) for key in keys]
    return [
        (
            f"{name} {period} {outcome.recipient}: {outcome.result}"
            + (f" ({outcome.detail})" if outcome.detail else ""),
            outcome.result in (Result.SENT, Result.ALREADY_SENT),
        )
        for outcome in outcomes
    ]


def _flat(row: Delivery) -> dict[str, Any]:
    return {
        **row.key._asdict(),
        **{name: value for name, value in vars(row).items() if name != "key"},
    }
