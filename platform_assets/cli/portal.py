"""``weir portal``: serve the portal, say who may read which report, see who saw what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, check_formats

if TYPE_CHECKING:
    from platform_assets.core.databases import Database

portal = typer.Typer(
    help="Finished reports in a browser: serve them and grant access.",
    no_args_is_help=True,
    epilog="Examples:  weir portal serve  |  weir portal users add anna --report weekly-commerce",
)
users = typer.Typer(
    help="Who may sign in, and which reports each may read.",
    no_args_is_help=True,
    epilog="Examples:  weir portal users add anna --report weekly-commerce  |  "
    "weir portal users add root --admin  |  weir portal users remove anna",
)
portal.add_typer(users, name="users")

Name = Annotated[str, typer.Argument(help="Sign-in name; with OpenID the e-mail address.")]

USERS = Layout(
    "portal users list",
    (
        Column("user", "name"),
        Column("may read", show=lambda row: _reports(row["admin"], row["reports"]), fold=True),
        Column("signs in by", show=lambda row: "password" if row["local"] else "OpenID"),
        Column("Trino user", "trino_user", spare=1),
    ),
)
AUDIT = Layout(
    "portal audit",
    (
        Column("at (UTC)", show=lambda row: f"{row['at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"),
        Column("user", fold=True),
        Column("from", "address", spare=1),
        Column("action"),
        Column("report"),
        Column("period"),
        Column("detail", fold=True),
    ),
)


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(portal, name="portal")


@portal.command()
def serve() -> None:
    """Serve the portal until Ctrl-C: weir portal serve."""
    from platform_assets.core.settings import get_settings
    from reports.portal.__main__ import serve as run

    settings = get_settings()
    typer.echo(f"the portal is at {settings.portal_url}; stop it with Ctrl-C", err=True)
    run(settings)


@users.command("add")
def add_user(
    name: Name,
    report: Annotated[
        list[str] | None, typer.Option(help="A report that they may read; may be repeated.")
    ] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="Reads everything, and who saw what.")
    ] = False,
    trino_user: Annotated[
        str, typer.Option(help="Trino user under whose permissions they see rows.")
    ] = "analyst",
    openid: Annotated[
        bool, typer.Option("--openid", help="No password: signs in at the OpenID provider.")
    ] = False,
) -> None:
    """Add a user, show their password once: weir portal users add anna --report weekly-commerce."""
    from platform_assets.core.settings import get_settings
    from reports.portal.users import User, Users

    user = User(name, admin, frozenset(report or ()), trino_user, local=not openid)
    with _database() as database:
        password = Users(database, get_settings().trino_user).add(user)
    typer.echo(f"{name} may read {_reports(user.admin, user.reports)}", err=True)
    if password:
        typer.echo("the password, shown only now:", err=True)
        typer.echo(password)


@users.command("list")
def list_users(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Every user and what they may read: weir portal users list."""
    from reports.portal.users import Users

    check_formats(as_json, as_csv)
    with _database() as database:
        found = Users(database).all()
    USERS.show([asdict(user) for user in found], as_json=as_json, as_csv=as_csv)


@users.command("remove")
def remove_user(name: Name) -> None:
    """Remove a user and end their sessions: weir portal users remove anna."""
    from reports.portal.users import Users

    with _database() as database:
        Users(database).remove(name)
    typer.echo(f"{name} is removed; what they saw stays on record: weir portal audit --user {name}")


@portal.command()
def audit(
    user: Annotated[str, typer.Option(help="Only this user.")] = "",
    limit: Annotated[int, typer.Option(help="Lines at most.", min=1)] = 50,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Who saw what, newest first: weir portal audit --user anna."""
    from reports.portal.audit import Audit

    check_formats(as_json, as_csv)
    with _database() as database:
        entries = Audit(database).read(user=user, limit=limit)
    AUDIT.show([asdict(entry) for entry in entries], as_json=as_json, as_csv=as_csv)


@contextmanager
def _database() -> Iterator[Database]:
    from platform_assets.core.settings import get_settings
    from reports.portal.database import portal_database

    database = portal_database(get_settings())
    try:
        yield database
    finally:
        database.close()


def _reports(admin: bool, reports: frozenset[str]) -> str:
    return "every report" if admin else ", ".join(sorted(reports)) or "nothing yet"
