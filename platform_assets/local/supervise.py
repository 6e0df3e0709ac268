"""Start, stop, restart and look at the local servers."""

from __future__ import annotations

import threading
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from platform_assets.core.errors import WeirError
from platform_assets.core.locks import file_lock
from platform_assets.core.preload import preload
from platform_assets.core.settings import Settings
from platform_assets.local import disk, fetch, processes, shared, supervisord
from platform_assets.local.model import Server, run_dir
from platform_assets.local.private import close_home
from platform_assets.local.servers import DEFAULT, catalogue, with_needs
from platform_assets.local.starting import (
    PROBED_WITH,
    Report,
    Work,
    bring_all_up,
    bring_up,
    last_words,
)

LOCK_SECONDS = 5.0


class LeftBehindError(WeirError):
    """A process could not be ended."""


@dataclass(frozen=True)
class Status:
    """One row of ``weir status``.

    Attributes:
        name: the server.
        state: the supervisor's word: RUNNING, STOPPED, BACKOFF, FATAL ...
        pid: of its first process.
        address: where it listens; empty where it does not.
        version: of its software.
        memory_bytes: of it and its children, shared pages counted once.
        health: "ready", "not ready: reason", or "stopped".
        uptime_seconds: since its last start.
    """

    name: str
    state: str
    pid: int | None
    address: str
    version: str
    memory_bytes: int
    health: str
    uptime_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _silent(_name: str, _what: str) -> None:
    pass


def start(
    settings: Settings,
    names: Iterable[str] = DEFAULT,
    report: Report | None = None,
    progress: fetch.Progress | None = None,
    beside: Sequence[Work] = (),
) -> list[Status]:
    """Start servers and what they need; returns when all are ready and the work beside is done.

    A server that runs already is left alone. On any failure, Ctrl-C included, what this
    call started is stopped again before the error goes on.

    Raises:
        PortTakenError, DiskFullError, LockedError, ServerDiedError, FetchError: each names
            the server and the way out.
    """
    tell = report or _silent
    wanted = with_needs(settings, names)
    fetch.ensure(
        (bundle for server in wanted for bundle in server.bundles), progress, cache=settings.cache
    )
    disk.require_free(settings.home, disk.START_BYTES, "starting the servers")
    close_home(settings)
    with _locked(settings, "starting servers"):
        supervisor = supervisord.pid(settings)
        fresh = supervisor is None
        if fresh:
            _clear(settings, tell)
            supervisord.boot(settings, list(catalogue(settings).values()))
        started: list[Server] = []
        try:
            bring_all_up(settings, wanted, started, tell, beside)
        except BaseException:
            tell("", "stopping what was started")
            if fresh:
                _stop_all(settings, tell)
            else:
                for server in reversed(started):
                    _stop_one(settings, server)
            raise
    return status(settings, [server.name for server in wanted])


def stop(settings: Settings, report: Report | None = None) -> int:
    """Stop every server and the supervisor; returns how many processes ended.

    Works on whatever there is: a running supervisor, a dead one's orphans, nothing.

    Raises:
        LeftBehindError: a process survived; names it.
        LockedError: another command is starting or stopping servers.
    """
    if not run_dir(settings).exists():
        return 0
    with _locked(settings, "stopping servers"):
        return _stop_all(settings, report or _silent)


def _stop_all(settings: Settings, tell: Report) -> int:
    supervisor = supervisord.pid(settings)
    roots = processes.recorded(settings) + processes.marked(settings)
    if supervisor is not None:
        with suppress(psutil.Error):
            roots.append(psutil.Process(supervisor))
    members = processes.family(roots)
    if supervisor is not None:
        _stop_in_order(settings, tell)
        # Children born meanwhile, such as the runs of a draining code server.
        members = list({m.pid: m for m in (*members, *processes.marked(settings))}.values())
        supervisord.end(settings, supervisor)
    left = [member for member in members if processes.alive(member)]
    if left:
        tell("", f"ending {len(left)} processes that were left")
        left = processes.end(left)
    if left:
        names = ", ".join(f"pid {process.pid}" for process in left)
        raise LeftBehindError(f"these processes would not end: {names}", "see `ps -fp PID`")
    for path in (run_dir(settings) / "pids").glob("*.json"):
        path.unlink(missing_ok=True)
    shared.forget(settings)
    return len(members)


def _stop_in_order(settings: Settings, tell: Report) -> None:
    """Stop each server when those that need it have ended, side by side."""
    known = catalogue(settings)
    running = {name for name in known if _is_up(settings, name)}
    asked: set[str] = set()
    deadline = (
        time.monotonic() + 10 + max((known[name].stop_seconds for name in running), default=0) * 2
    )
    while running and time.monotonic() < deadline:
        needed = {
            other for name in running for other in (*known[name].needs, *known[name].outlived_by)
        }
        for name in running - needed - asked:
            tell(name, "stopping")
            with suppress(xmlrpc.client.Fault):
                supervisord.client(settings).stopProcess(name, False)
            asked.add(name)
        time.sleep(0.05)
        running = {name for name in running if _is_up(settings, name)}


def _is_up(settings: Settings, name: str) -> bool:
    return supervisord.info(settings, name)["statename"] not in {"STOPPED", "EXITED", "FATAL"}


def _stop_one(settings: Settings, server: Server) -> None:
    with suppress(xmlrpc.client.Fault):
        supervisord.client(settings, timeout=server.stop_seconds + 15).stopProcess(
            server.name, True
        )


def _clear(settings: Settings, tell: Report) -> None:
    """End what a killed supervisor left behind, so that ports and data are free again."""
    orphans = processes.family(processes.recorded(settings) + processes.marked(settings))
    if orphans:
        tell("", f"ending {len(orphans)} processes that a killed supervisor left")
        if left := processes.end(orphans, grace=20.0):
            names = ", ".join(f"pid {process.pid}" for process in left)
            raise LeftBehindError(f"these processes would not end: {names}", "see `ps -fp PID`")
    for path in (run_dir(settings) / "pids").glob("*.json"):
        path.unlink(missing_ok=True)


def restart(settings: Settings, name: str, report: Report | None = None) -> None:
    """Stop one server, start it again and wait until it is ready.

    Raises:
        WeirError: it is unknown, the servers are not up, or it does not come back.
    """
    server = with_needs(settings, [name])[-1]
    if supervisord.pid(settings) is None:
        raise WeirError("the servers are not running", "start them with `weir up`")
    with _locked(settings, f"restarting {name}"):
        tell = report or _silent
        tell(name, "stopping")
        _stop_one(settings, server)
        bring_up(settings, server, [], tell, threading.Event())


def is_running(settings: Settings) -> bool:
    """Whether the supervisor of this home answers."""
    return supervisord.pid(settings) is not None


def status(settings: Settings, names: Iterable[str] | None = None) -> list[Status]:
    """A row for each server; every probe is asked now."""
    known = catalogue(settings)
    up = is_running(settings)
    chosen = [known[name] for name in names] if names is not None else list(known.values())
    preload(PROBED_WITH)
    with ThreadPoolExecutor(len(chosen) or 1) as pool:
        return list(pool.map(lambda server: _status(settings, server, up), chosen))


def _status(settings: Settings, server: Server, up: bool) -> Status:
    info: dict[str, Any] = {"statename": "STOPPED", "pid": 0}
    if up:
        info = supervisord.info(settings, server.name)
    pid = info["pid"] or None
    memory, health, uptime = 0, "stopped", 0.0
    if pid is not None:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            memory = processes.memory_bytes(process)
            uptime = time.time() - process.create_time()
        health = _health(server)
    elif info["statename"] not in {"STOPPED", "EXITED"}:
        health = f"not ready: {last_words(settings, server.name)}"
    return Status(
        name=server.name,
        state=info["statename"],
        pid=pid,
        address=server.address,
        version=server.version,
        memory_bytes=memory,
        health=health,
        uptime_seconds=round(uptime, 1),
    )


def _health(server: Server) -> str:
    try:
        return "ready" if server.probe() else "not ready: still starting"
    except Exception as error:  # noqa: BLE001 - whatever a probe raises is the answer
        return f"not ready: {type(error).__name__}: {' '.join(str(error).split())[:120]}"


def _locked(settings: Settings, what: str) -> Any:
    run_dir(settings).mkdir(parents=True, exist_ok=True)
    return file_lock(run_dir(settings) / "lock", what=what, timeout=LOCK_SECONDS)
