"""Which version of the hot path is the newest: heard from PostgreSQL, not asked for each time."""

from __future__ import annotations

import logging
import random
import threading

import psycopg

from platform_assets.core.databases import Database
from platform_assets.core.errors import DatabaseError
from platform_assets.processors.hot import live

_LOG = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""It looks so often even where it hears nothing."""
_PAUSE_SECONDS = 0.5


class Watcher:
    """A thread that listens from the first question on.

    Attributes:
        version: changes with each transaction of the hot path and with the processors' lag; None
            while nobody can tell.
        lag: offsets that wait to be understood; None while nobody can tell.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seen: live.Newest | None = None

    @property
    def version(self) -> str | None:
        """See the class."""
        self._start()
        seen = self._seen
        return None if seen is None else seen.version

    @property
    def lag(self) -> int | None:
        """See the class."""
        seen = self._seen
        return None if seen is None else seen.lag

    def close(self) -> None:
        """End the thread; it is not waited for longer than a few seconds."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2 * LOOK_SECONDS)

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="hot path", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with live.listening(self._database) as connection:
                    while not self._ended.is_set():
                        self._seen = live.newest(self._database)
                        live.heard(connection, LOOK_SECONDS)
            except (DatabaseError, psycopg.Error) as error:
                self._seen = None
                _LOG.warning("hot path is not heard: %s", error)
                self._ended.wait(random.uniform(0.5, 1.5) * _PAUSE_SECONDS)  # noqa: S311 - jitter
        self._seen = None
