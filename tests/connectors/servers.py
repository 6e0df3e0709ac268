"""Servers that a test module starts for itself, on loopback, and stops by their process.

Belongs here: starting a command and knowing that it listens. Does not belong here: what any one
server needs.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from platform_assets.local.wait import wait_until


class Server:
    """A process that listens on a port of 127.0.0.1; stopped and started again at will.

    Args:
        command: that runs in the foreground.
        port: on which it listens.
        log: where its output goes.
    """

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.command, self.port, self.log = list(command), port, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 60) -> None:
        """Start it and wait until it listens."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(self._listens, what=f"{self.command[0]} to listen", timeout=timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, as a crash would where it does not end by itself."""
        if self._process is None:
            return
        # A server that a script starts is a child of it.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
        self._process = None

    def kill(self) -> None:
        """End it as a kill -9 does: it writes nothing more."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text(errors="replace")[-2000:]
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True


@contextmanager
def running(command: Sequence[str], port: int, log: Path, timeout: float = 60) -> Iterator[Server]:
    """A server that runs until the end of the block; see :class:`Server`."""
    server = Server(command, port, log)
    server.start(timeout)
    try:
        yield server
    finally:
        server.stop()
