"""``weir up | down | restart | status | logs | doctor | env``: the local servers."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, check_formats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.local.supervise import Status

MIB = 1 << 20
SERVERS = Layout(
    "status",
    (
        Column("server", "name"),
        Column("version", spare=2),
        Column("address", spare=1),
        Column(
            "health",
            style=lambda row: {"ready": "green", "stopped": "dim"}.get(row["health"], "red"),
            fold=True,
        ),
        Column("pid", show=lambda row: str(row["pid"] or ""), right=True, spare=3),
        Column("memory", "memory_bytes", lambda row: _mib(row["memory_bytes"]), right=True),
    ),
)
FINDINGS = Layout(
    "doctor",
    (
        Column(
            "",
            "ok",
            lambda row: "ok" if row["ok"] else "missing" if row["needed"] else "no",
            lambda row: "green" if row["ok"] else "red" if row["needed"] else "yellow",
        ),
        Column("what", fold=True),
        Column("found", fold=True),
        Column("fix it with", "fix", lambda row: "" if row["ok"] else row["fix"], fold=True),
    ),
)
ServerArgument = Annotated[str, typer.Argument(help="A name from `weir status`, e.g. kafka")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.command(epilog="Examples:  weir up  |  weir up --with spark  |  weir up --only kafka")(up)
    app.command()(down)
    app.command(epilog="Example:  weir restart dagster-code   (loads changed definitions)")(restart)
    app.command(epilog="Examples:  weir status  |  weir status --json")(status)
    app.command(epilog="Examples:  weir logs trino -n 50  |  weir logs dagster-daemon -f")(logs)
    app.command()(doctor)
    app.command(epilog='Example:  eval "$(weir env)" && dagster dev')(env)


def up(
    only: Annotated[
        list[str] | None, typer.Option(help="Start these (and what they need) alone.")
    ] = None,
    with_: Annotated[
        list[str] | None, typer.Option("--with", help="Start these too, e.g. spark.")
    ] = None,
    no_dagster: Annotated[bool, typer.Option(help="Leave Dagster's processes out.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Start the local servers, and wait until each of them answers."""
    from platform_assets.core.settings import get_settings
    from platform_assets.local import servers, supervise

    check_formats(as_json, as_csv)
    settings = get_settings()
    names = list(only or servers.default(settings)) + list(with_ or ())
    if no_dagster:
        names = [name for name in names if name not in servers.DAGSTER]
    show = Progress()
    with show:
        rows = supervise.start(settings, names, show.report, show.fetched)
    _show(rows, as_json, as_csv)
    if as_json or as_csv:
        return
    addresses = {row.name: row.address for row in rows}
    if "dagster-webserver" in addresses:
        _say(f"Dagster: {addresses['dagster-webserver']}")
    _say("Stop them with `weir down`.")


def down() -> None:
    """Stop every process that `weir up` started."""
    from platform_assets.core.settings import get_settings
    from platform_assets.local import supervise

    show = Progress()
    with show:
        ended = supervise.stop(get_settings(), show.report)
    _say(f"{ended} processes stopped." if ended else "Nothing was running.")


def restart(name: ServerArgument) -> None:
    """Stop one server, start it again, and wait until it answers."""
    from platform_assets.core.settings import get_settings
    from platform_assets.local import supervise

    show = Progress()
    with show:
        supervise.restart(get_settings(), name, show.report)


def status(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Address, version, memory and health of each server; exit code 1 if one is unhealthy."""
    from platform_assets.core.settings import get_settings
    from platform_assets.local import supervise

    settings = get_settings()
    rows = supervise.status(settings)
    _show(rows, as_json, as_csv)
    if any(row.health.startswith("not ready") for row in rows):
        raise typer.Exit(1)
    if as_json or as_csv:
        return
    if any(row.name == "postgres" and row.health == "ready" for row in rows):
        from platform_assets.cli.streams import tell_held

        tell_held(settings)


def logs(
    name: ServerArgument,
    lines: Annotated[int, typer.Option("-n", help="Lines from the end.")] = 100,
    follow: Annotated[bool, typer.Option("-f", help="Follow until Ctrl-C.")] = False,
) -> None:
    """One server's log."""
    from platform_assets.core.errors import WeirError
    from platform_assets.core.settings import get_settings
    from platform_assets.local.model import log_dir
    from platform_assets.local.processes import log_tail
    from platform_assets.local.servers import catalogue

    settings = get_settings()
    known = [*catalogue(settings), "supervisord"]
    if name not in known:
        raise WeirError(f"no server {name!r}", f"known: {', '.join(known)}")
    path = log_dir(settings) / f"{name}.log"
    if not path.exists():
        raise WeirError(f"{name} has no log at {path} yet", "start it with `weir up`")
    for line in log_tail(path, lines):
        _say(line)
    if follow:
        _follow(path)


def doctor(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """What this machine lacks, and the command that fixes it.

    The exit code is 1 if something needed is missing.
    """
    from platform_assets.core.settings import get_settings
    from platform_assets.local.doctor import examine

    check_formats(as_json, as_csv)
    findings = examine(get_settings())
    rows = [finding.as_dict() for finding in findings]
    FINDINGS.show(rows, as_json=as_json, as_csv=as_csv)
    if any(not finding.ok and finding.needed for finding in findings):
        raise typer.Exit(1)


def env() -> None:
    """Shell lines that point a plain `dagster dev` or `dg` to the local servers.

    They name the password, so do not paste them anywhere.
    """
    import shlex

    from platform_assets.core.settings import get_settings
    from platform_assets.local.dagster import environment, prepare_home

    settings = get_settings()
    prepare_home(settings)
    values = {
        "WEIR_HOME": str(settings.home),
        "WEIR_PORT_BASE": str(settings.port_base),
        **environment(settings),
    }
    for key, value in values.items():
        _say(f"export {key}={shlex.quote(value)}")


class Progress:
    """A line for each thing that happens, and a bar while something is fetched.

    On a terminal the bar moves; elsewhere (a log of a build) it is a line every ten percent.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Bar

        self._console = Console(stderr=True, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, name: str, what: str) -> None:
        """One line about a server."""
        seconds = time.monotonic() - self._began
        line = f"{seconds:6.1f} s  {name:<18} {what}"
        self._console.print(line, markup=False, soft_wrap=True)

    def fetched(self, what: str, done: int, total: int) -> None:
        """Bytes so far of a download or an archive."""
        if self._console.is_terminal:
            from rich.progress import TaskID

            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what, total=total)
            self._bar.update(TaskID(self._tasks[what]), completed=done, total=total)
            return
        tenth = 10 * done // max(total, 1)
        if self._told.get(what) != tenth:
            self._told[what] = tenth
            self.report("", f"{what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")


def _show(rows: Iterable[Status], as_json: bool, as_csv: bool) -> None:
    """The servers; for people with the sum of their memory."""
    found = [row.as_dict() for row in rows]
    SERVERS.show(found, as_json=as_json, as_csv=as_csv)
    if not (as_json or as_csv):
        _say(f"together {_mib(sum(row['memory_bytes'] for row in found)) or '0 MiB'}")


def _mib(count: int) -> str:
    return f"{count / MIB:,.0f} MiB" if count else ""


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _follow(path: object) -> None:
    """Print what is appended, across rotations, until Ctrl-C."""
    from pathlib import Path

    log = Path(str(path))
    handle = log.open(errors="replace")
    handle.seek(0, 2)
    try:
        while True:
            if text := handle.read():
                sys.stdout.write(text)
                sys.stdout.flush()
            elif log.exists() and log.stat().st_ino != _inode(handle.fileno()):
                handle.close()
                handle = log.open(errors="replace")
            else:
                time.sleep(0.2)
    except KeyboardInterrupt:
        return
    finally:
        handle.close()


def _inode(descriptor: int) -> int:
    import os

    return os.fstat(descriptor).st_ino
