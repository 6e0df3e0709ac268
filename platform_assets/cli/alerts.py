"""``weir alerts``: incidents; acknowledge and escalate them, silence alerts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, Record, check_formats
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from datetime import timedelta

    from platform_assets.core.databases import Database

alerts = typer.Typer(
    help="Alerts: incidents and who looks after them; silences.",
    no_args_is_help=True,
    epilog="Examples:  weir alerts list  |  weir alerts ack 3f2b7c --comment 'on my way'  |  "
    "weir alerts silence add stream=machines 'series=~machine-0.*' --for 2h --comment 'service'",
)
silence = typer.Typer(
    help="Silences: alerts that nobody is told of for a while.",
    no_args_is_help=True,
    epilog="Examples:  weir alerts silence add stream=meters --for 1h30m --comment 'works'  |  "
    "weir alerts silence expire 1a2b3c4d",
)
alerts.add_typer(silence, name="silence")

Name = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its name, or how it begins.")]
_COLOURS = {"open": "red", "escalated": "red", "acknowledged": "yellow", "recovered": "green"}


def _at(key: str) -> Column:
    title = key if key != "at" else "at (UTC)"
    return Column(title, key, lambda row: _clock(row[key]))


def _clock(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%m-%d %H:%M:%S}"


def _state(row: Record) -> str:
    return _COLOURS.get(row["state"], "")


INCIDENTS = Layout(
    "alerts list",
    (
        Column("incident"),
        Column("state", style=_state),
        Column("severity", spare=4),
        Column("since (UTC)", "since", lambda row: _clock(row["since"]), spare=1),
        Column("alerts", right=True),
        Column("firing", right=True),
        Column("series", right=True, spare=3),
        Column("messages", right=True, spare=5),
        Column("acknowledged", spare=2),
        Column("worst", fold=True),
    ),
)
SIGNALS = Layout(
    "alerts show",
    (
        Column("alert", "title", fold=True),
        Column("value", show=lambda row: f"{row['value']:g} {row['unit']}".rstrip(), spare=2),
        Column("score", show=lambda row: f"{row['score']:.2f}", right=True),
        Column(
            "threshold",
            show=lambda row: "" if row["threshold"] is None else f"{row['threshold']:.2f}",
            right=True,
        ),
        Column("peak", show=lambda row: f"{row['peak']:.1f}x", right=True, spare=3),
        Column("since (UTC)", "since", lambda row: _clock(row["since"]), spare=1),
        Column("ended (UTC)", "ended", lambda row: _clock(row["ended"]), spare=4),
        Column("muted by", "muted_by", spare=5),
    ),
)
HISTORY = Layout(
    "alerts show", (_at("at"), Column("kind"), Column("who"), Column("comment", fold=True))
)
SILENCES = Layout(
    "alerts silence list",
    (
        Column("id"),
        Column("state"),
        Column("matchers", fold=True),
        Column("ends (UTC)", "ends", lambda row: _clock(row["ends"])),
        Column("who", spare=1),
        Column("comment", fold=True),
    ),
)
AUDIT = Layout(
    "alerts audit",
    (_at("at"), Column("who"), Column("kind"), Column("subject"), Column("comment", fold=True)),
)


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(alerts, name="alerts")


@alerts.command("list")
def list_(
    past: Annotated[bool, typer.Option("--all", help="With those that are over.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Incidents at most.")] = 100,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Incidents, the newest first: weir alerts list --all."""
    from platform_assets.alerts.reading import given_up, listed

    check_formats(as_json, as_csv)
    with _opened() as database:
        rows, lost = listed(database, past=past, limit=limit), given_up(database)
    if rows or as_json or as_csv:
        INCIDENTS.show(rows, as_json=as_json, as_csv=as_csv)
    else:
        typer.echo("no incident is known" if past else "no incident is open")
    if lost and not (as_json or as_csv):
        typer.echo(f"{lost} message(s) were never taken by their place: see weir alerts show")


@alerts.command()
def show(name: Name, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """One incident: its worst alerts, what happened, who was told: weir alerts show 3f2b7c."""
    from platform_assets.alerts.reading import shown

    check_formats(as_json, as_csv)
    with _opened() as database:
        found = shown(database, name)
    if as_json or as_csv:
        SIGNALS.show(found["signals"], as_json=as_json, as_csv=as_csv, document=found)
        return
    typer.echo(
        f"{found['incident']}  {found['state']}  {found['severity']}  since "
        f"{_clock(found['since'])} UTC\n{found['alerts']:,} alerts, {found['firing']:,} firing, "
        f"{found['muted']:,} of these muted; {found['series']:,} series of "
        f"{', '.join(found['streams'])}\ntold: {', '.join(found['places'])}"
    )
    for step in found["escalation"]:
        minutes = step["after_seconds"] / 60
        typer.echo(f"next, after {minutes:,.0f} min: {', '.join(step['places'])}")
    SIGNALS.show(found["signals"], title="Worst alerts")
    HISTORY.show(found["history"], title="What happened")
    for told in found["told"]:
        if told["error"]:
            typer.echo(f"not taken by {told['place']}: {told['error']}")


@alerts.command()
def ack(
    name: Name, comment: Annotated[str, typer.Option(help="What is known so far.")] = ""
) -> None:
    """Look after an incident: it does not escalate: weir alerts ack 3f2b7c --comment "pump 7"."""
    from platform_assets.alerts.actions import acknowledge

    with _opened() as database:
        found = acknowledge(database, name, _actor(), comment)
    typer.echo(f"{found.id}: acknowledged; its places are told within a minute")


@alerts.command()
def escalate(name: Name) -> None:
    """Take the next step of an incident's escalation now: weir alerts escalate 3f2b7c."""
    from platform_assets.alerts.actions import escalate as step

    with _opened() as database:
        found = step(database, name, _actor())
    _, places = found.escalate[0]
    typer.echo(f"{found.id}: {', '.join(places)} will be told within a minute")


@alerts.command()
def audit(
    limit: Annotated[int, typer.Option(min=1, help="Rows at most.")] = 100,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Who acknowledged, escalated and silenced what, and why: weir alerts audit."""
    from platform_assets.alerts.reading import audited

    check_formats(as_json, as_csv)
    with _opened() as database:
        rows = audited(database, limit)
    if not (rows or as_json or as_csv):
        typer.echo("nobody did anything yet")
        return
    AUDIT.show(rows, as_json=as_json, as_csv=as_csv)


@silence.command("add")
def add(
    matchers: Annotated[
        list[str],
        typer.Argument(
            help="All must fit: label=value, !=, =~ or !~. Labels: stream, series, signal, "
            "severity, owner, source."
        ),
    ],
    length: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d12h.")],
    comment: Annotated[str, typer.Option(help="Why; others will ask.")],
) -> None:
    """Tell nobody of alerts that fit, for a while.

    Example:
      weir alerts silence add stream=machines 'series=~machine-0.*' --for 2h --comment 'service'
    """
    from platform_assets.alerts.actions import silence as make
    from platform_assets.messaging.matchers import Matcher

    parsed = [Matcher.parse(one) for one in matchers]
    span = _length(length)
    with _opened() as database:
        made = make(database, parsed, span, _actor(), comment)
    end = datetime.fromtimestamp(made.ends_at, UTC)
    typer.echo(f"{made.id}: {', '.join(map(str, parsed))} is silent until {end:%Y-%m-%d %H:%M} UTC")


@silence.command("list")
def list_silences(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Silences, active ones first: weir alerts silence list."""
    from platform_assets.alerts.reading import silenced

    check_formats(as_json, as_csv)
    with _opened() as database:
        rows = silenced(database)
    if not (rows or as_json or as_csv):
        typer.echo("nothing is silenced")
        return
    SILENCES.show(rows, as_json=as_json, as_csv=as_csv)


@silence.command("expire")
def end(
    name: Annotated[str, typer.Argument(metavar="ID", help="As weir alerts silence list has it.")],
) -> None:
    """End a silence before its time: weir alerts silence expire 1a2b3c4d."""
    from platform_assets.alerts.actions import expire

    with _opened() as database:
        expire(database, name, _actor())
    typer.echo(f"{name}: ended; what still fires is told within a minute")


def _length(text: str) -> timedelta:
    from platform_assets.messaging.grouping import duration

    try:
        return duration(text)
    except ValueError as error:
        raise WeirError(f"--for: {error}", "e.g. --for 2h") from None


@contextmanager
def _opened() -> Iterator[Database]:
    from platform_assets.alerts.store import alerts_database
    from platform_assets.core.settings import get_settings

    database = alerts_database(get_settings())
    try:
        yield database
    finally:
        database.close()


def _actor() -> str:
    import getpass

    return f"cli:{getpass.getuser()}"
