"""``python -m platform_assets.graph.codeserver``: Dagster's code server, whose runs are forked.

Dagster starts a new interpreter for each run, which imports the whole graph again: seconds of CPU,
and memory of its own. Here the graph is imported once. Before this process has a thread it forks
another that does nothing but fork; each run begins there, with all modules in place.

Every run imports this module anew, so it imports nothing heavy by itself.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing import connection, forkserver, resource_tracker
from typing import Any

THREADED = ("polars", "pyarrow", "deltalake", "torch", "confluent_kafka")
"""Modules that start threads when they are imported, which a fork would lack."""


def main() -> None:
    """Dagster's command ``api grpc`` with its options; ``-m`` names the definitions.

    Definitions that have imported one of :data:`THREADED` get runs as Dagster starts them.
    """
    module = sys.argv[sys.argv.index("-m") + 1]
    # What cannot be imported is told by the server, which tries again.
    with suppress(Exception):
        importlib.import_module(module).defs.get_repository_def().get_all_jobs()
    forking = sys.modules.keys().isdisjoint(THREADED)
    if forking:
        serve_forks()
    from platform_assets.graph.dagster_private import code_server

    code_server(forking=forking)


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
