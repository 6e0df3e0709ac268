"""Processes by pid and start time: who listens, who is left, who takes how much memory.

A pid alone can be another process by now, so a record is a pid with its start time, and
what a server left behind is found by the mark that its environment carries.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local.model import Server, run_dir

MARK = "WEIR_STACK"
"""Environment variable that all servers of one home, and their children, carry."""


class PortTakenError(WeirError):
    """Another process listens where a server should."""


def recorded(settings: Settings) -> list[psutil.Process]:
    """Processes on record that still run."""
    found = []
    for path in sorted((run_dir(settings) / "pids").glob("*.json")):
        with suppress(psutil.Error, ValueError, KeyError, OSError):
            record = json.loads(path.read_text())
            process = psutil.Process(record["pid"])
            if abs(process.create_time() - record["created"]) < 0.01 and alive(process):
                found.append(process)
    return found


def marked(settings: Settings) -> list[psutil.Process]:
    """Processes that carry this home's mark, this one and its parents excepted."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid not in own and process.environ().get(MARK) == str(settings.home):
                found.append(process)
    return found


def family(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes and all their descendants, each once."""
    every: dict[int, psutil.Process] = {}
    for process in processes:
        with suppress(psutil.Error):
            for member in (process, *process.children(recursive=True)):
                every[member.pid] = member
    return list(every.values())


def alive(process: psutil.Process) -> bool:
    """Whether it runs (a zombie does not)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end(processes: Iterable[psutil.Process], grace: float = 10.0) -> list[psutil.Process]:
    """Ask processes to end, kill those that do not; returns those that survived even that."""
    todo = [process for process in processes if alive(process)]
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        for process in todo:
            with suppress(psutil.Error):
                process.send_signal(number)
        _, todo = psutil.wait_procs(todo, timeout=patience)
        todo = [process for process in todo if alive(process)]
        if not todo:
            break
    return todo


def memory_bytes(process: psutil.Process) -> int:
    """Memory of a process and its descendants; pages that they share are counted once."""
    total = 0
    for member in family([process]):
        with suppress(psutil.Error):
            try:
                total += member.memory_full_info().pss
            except (psutil.AccessDenied, AttributeError):
                total += member.memory_info().rss
    return total


def require_ports(server: Server) -> None:
    """Refuse to start a server whose port somebody else holds.

    Raises:
        PortTakenError: names the port, the server and, where visible, the process.
    """
    for port in server.ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                raise PortTakenError(
                    f"port {port}, which {server.name} needs, is taken by {_holder(port)}",
                    "end that process, or set WEIR_PORT_BASE to another block of seventeen ports",
                ) from None


def _holder(port: int) -> str:
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                command = " ".join(psutil.Process(connection.pid).cmdline())[:80]
                return f"pid {connection.pid} ({command})"
    return "a process that is not visible to this user"


def log_tail(path: Path, lines: int, since: int = 0) -> list[str]:
    """The last lines of a log file after ``since`` bytes, read from its end."""
    if not path.exists():
        return []
    with path.open("rb") as handle:
        handle.seek(0, os.SEEK_END)
        end = handle.tell()
        # A log that is shorter than it was has been rotated.
        handle.seek(max(since if since <= end else 0, end - 400 * lines))
        return handle.read().decode(errors="replace").splitlines()[-lines:]
