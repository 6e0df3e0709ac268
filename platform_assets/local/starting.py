"""Bring servers up side by side, each after those it needs, with work that needs only some."""

from __future__ import annotations

import re
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from supervisor.xmlrpc import Faults

from platform_assets.core.errors import WeirError
from platform_assets.core.preload import preload
from platform_assets.core.settings import Settings
from platform_assets.local import processes, supervisord
from platform_assets.local.model import Server, log_dir
from platform_assets.local.wait import WaitTimeoutError, wait_until

Report = Callable[[str, str], None]
"""Called with a server's name and what it is doing now."""

PROBED_WITH = ("psycopg", "httpx", "grpc", "confluent_kafka.admin")
"""What probes import; they run in threads."""

_TELLING = re.compile(
    r"\b(error|fatal|cannot|failed|unrecognized|invalid|denied|in use)\b|Exception|^\d+\) ",
    re.IGNORECASE,
)


class ServerDiedError(WeirError):
    """A server ended while it was starting."""


@dataclass(frozen=True)
class Work:
    """What is done as soon as some of the servers answer, beside the start of the others.

    Attributes:
        needs: names of those servers.
        do: the work, in a thread of its own; it ends early once the event is set. An error of
            it is raised like a server's.
    """

    needs: tuple[str, ...]
    do: Callable[[threading.Event], None]


def bring_all_up(
    settings: Settings,
    wanted: list[Server],
    started: list[Server],
    tell: Report,
    beside: Sequence[Work] = (),
) -> None:
    """Start each server as soon as those it needs are ready, side by side.

    Args:
        settings: profile.
        wanted: the servers, each after those it needs.
        started: gets each server that this call starts.
        tell: told what is done.
        beside: work that needs some of them.

    Raises:
        PortTakenError, ServerDiedError, WeirError: the first failure; nothing more is begun.
    """
    cancelled = threading.Event()
    ready = {server.name: threading.Event() for server in wanted}

    def answer(names: Sequence[str]) -> bool:
        for name in names:
            while not ready[name].wait(0.1):
                if cancelled.is_set():
                    return False
        return not cancelled.is_set()

    def start(server: Server) -> None:
        if answer(server.needs):
            bring_up(settings, server, started, tell, cancelled)
            ready[server.name].set()

    def work(one: Work) -> None:
        if answer(one.needs):
            one.do(cancelled)

    preload(PROBED_WITH)
    threads = len(wanted) + len(beside)
    with ThreadPoolExecutor(threads, thread_name_prefix="weir-start") as pool:
        futures: list[Future[None]] = [pool.submit(start, server) for server in wanted]
        futures += [pool.submit(work, one) for one in beside]
        try:
            pending = set(futures)
            while pending:
                # A short timeout keeps the main thread open to Ctrl-C.
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
        finally:
            cancelled.set()


def bring_up(
    settings: Settings,
    server: Server,
    started: list[Server],
    tell: Report,
    cancelled: threading.Event,
) -> None:
    """Start one server unless it runs; returns when it is ready, or the event is set.

    Raises:
        PortTakenError, ServerDiedError, WeirError: it cannot start, or is not ready in time.
    """
    began = time.monotonic()
    if supervisord.info(settings, server.name)["statename"] != "RUNNING":
        processes.require_ports(server)
        tell(server.name, "preparing")
        server.prepare()
        tell(server.name, "starting")
        started.append(server)
        try:
            supervisord.client(settings).startProcess(server.name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.BAD_NAME:
                raise WeirError(
                    f"the running supervisor is of an earlier release and knows no {server.name}",
                    "run `weir down`, then `weir up`",
                ) from fault
            raise ServerDiedError(
                f"{server.name} could not be started: {fault.faultString}",
                f"see {log_dir(settings) / 'supervisord.log'}",
            ) from fault
    _await_ready(settings, server, cancelled)
    if not cancelled.is_set():
        server.settle()
        tell(server.name, f"ready in {time.monotonic() - began:.1f} s")


def _await_ready(settings: Settings, server: Server, cancelled: threading.Event) -> None:
    first: list[int] = []
    log = log_dir(settings) / f"{server.name}.log"
    since = log.stat().st_size if log.exists() else 0

    def ready() -> bool:
        info = supervisord.info(settings, server.name)
        if info["pid"]:
            first.append(info["pid"])
        state = info["statename"]
        replaced = bool(first) and info["pid"] not in {0, first[0]}
        if replaced or state in {"BACKOFF", "FATAL", "EXITED"}:
            raise ServerDiedError(
                f"{server.name} ended while it was starting: "
                f"{last_words(settings, server.name, since)}",
                f"see `weir logs {server.name}`",
            )
        return state == "RUNNING" and server.probe()

    try:
        wait_until(
            ready,
            what=f"{server.name} answering at {server.address or 'its probe'}",
            timeout=server.timeout,
            every=0.2,
            cancelled=cancelled,
        )
    except WaitTimeoutError as error:
        if not cancelled.is_set():
            raise WeirError(error.message, f"see `weir logs {server.name}`") from None


def last_words(settings: Settings, name: str, since: int = 0) -> str:
    """The telling lines at the end of a log, of those written after ``since`` bytes."""
    lines = processes.log_tail(log_dir(settings) / f"{name}.log", 40, since)
    spoken = [line.strip() for line in lines if line.strip()]
    telling = [line for line in spoken if _TELLING.search(line)]
    return " | ".join((telling or spoken or ["it said nothing"])[-3:])[:600]
