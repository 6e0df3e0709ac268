"""``weir deliveries``: what was sent to whom; dead deliveries tried again."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

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

ReportOption = Annotated[str | None, typer.Option(help="Name of a report.")]
PeriodOption = Annotated[str | None, typer.Option(help="A period, e.g. 2010-W50.")]
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per row.")] = False,
) -> None:
    """Show deliveries, the last changed first: weir deliveries list --state dead."""
    from platform_assets.core.settings import get_settings
    from reports.delivery.log import DeliveryLog
    from reports.delivery.model import State

    if state is not None and state not in set(State):
        raise WeirError(f"--state {state!r} is unknown", f"one of {', '.join(State)}")
    rows = DeliveryLog(get_settings()).find(
        report=report,
        period=period,
        recipient=recipient,
        state=State(state) if state else None,
        limit=limit,
    )
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_flat(row), default=str))
    else:
        _show(rows)


@deliveries.command("retry")
def retry(
    report: ReportOption = None,
    period: PeriodOption = None,
    recipient: RecipientOption = None,
    dry_run: Annotated[bool, typer.Option(help="Only show what would be tried.")] = False,
) -> None:
    """Try dead deliveries again, all or those named: weir deliveries retry --report weekly."""
    from rich.console import Console

    from platform_assets.core.settings import get_settings
    from reports.delivery.log import DeliveryLog
    from reports.delivery.model import State

    log, console = DeliveryLog(get_settings()), Console()
    if dry_run:
        _show(log.find(report=report, period=period, recipient=recipient, state=State.DEAD))
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


def _show(rows: Sequence[Delivery]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold")
    for name in ("report", "period", "recipient", "state", "attempts", "changed", "last error"):
        table.add_column(name, overflow="fold", justify="right" if name == "attempts" else "left")
    for row in rows:
        cells = (*row.key, row.state, str(row.attempts), f"{row.updated_at:%Y-%m-%d %H:%M:%S}")
        table.add_row(*(escape(cell) for cell in (*cells, row.last_error)))
    Console().print(table)
