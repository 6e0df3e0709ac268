"""``python -m platform_assets.graph.codeserver``: Dagster's code server, whose runs are forked.

Dagster starts a new interpreter for each run, which imports the whole graph again: seconds of CPU,
and memory of its own. Here the graph is imported once. Before this process has a thread it forks
another that does nothing but fork; each run begins there, with all modules in place.

Every run imports this module anew, so it imports nothing heavy by itself.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing import connection, forkserver, resource_tracker
from types import FrameType
from typing import Any

THREADED = ("polars", "pyarrow", "deltalake", "torch", "confluent_kafka")
"""Modules that start threads when they are imported, which a fork would lack."""


def main() -> None:
    """Dagster's command ``api grpc`` with its options; ``-m`` names the definitions.

    Definitions that have imported one of :data:`THREADED` get runs as Dagster starts them.
    """
    forking = may_fork(sys.argv[sys.argv.index("-m") + 1])
    if forking:
        serve_forks()
    from platform_assets.graph.dagster_private import code_server

    code_server(forking=forking)


def may_fork(module: str) -> bool:
    """Import the definitions; whether nothing of :data:`THREADED` came with them.

    Where something did, the log says once what it was and who imported it.

    Args:
        module: of the definitions.
    """
    watch = _Watch()
    sys.meta_path.insert(0, watch)
    try:
        # What cannot be imported is told by the server, which tries again.
        with suppress(Exception):
            importlib.import_module(module).defs.get_repository_def().get_all_jobs()
    finally:
        sys.meta_path.remove(watch)
    if sys.modules.keys().isdisjoint(THREADED):
        return True
    logging.getLogger("weir.codeserver").warning(
        "runs are not forked, each starts an interpreter of its own: %s. Import it inside the "
        "functions that use it (ADR 0141)",
        watch.seen or "it was imported before the definitions",
    )
    return False


class _Watch:
    """Sees who imports the first of :data:`THREADED`; finds no module itself.

    Attributes:
        seen: the module and up to three that led to it, the nearest first.
    """

    def __init__(self) -> None:
        self.seen = ""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        """As ``sys.meta_path`` asks for it."""
        if name in THREADED and not self.seen:
            self.seen = ", imported by ".join((name, *_importers()[:3]))


def _importers() -> list[str]:
    """The modules whose code is running, the nearest first, without the import system."""
    found: list[str] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if not name.startswith(("importlib", __name__)) and name not in found:
            found.append(name)
        frame = frame.f_back
    return found


def serve_forks() -> int:
    """Make a fork of this process the fork server of :mod:`multiprocessing`; returns its pid.

    The standard library would start a new interpreter for it. Its attributes that are set here are
    private to it; a test fails where they are others. Where the server is gone, the library starts
    one of its own, which only costs time.

    It outlives a SIGTERM to the process group, so that this process learns how its draining runs
    end; it goes when this process and all runs have gone.
    """
    server: Any = forkserver._forkserver
    forkserver.set_forkserver_preload([])
    resource_tracker.ensure_running()
    address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        alive_read, alive_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(alive_write)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.register_at_fork(after_in_child=_end_on_sigterm)
            try:
                forkserver.main(listener.detach(), alive_read, [])
            finally:
                os._exit(0)
        os.close(alive_read)
    server._forkserver_address = address
    server._forkserver_alive_fd = alive_write
    server._forkserver_pid = pid
    return pid


def _end_on_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    main()
