"""Predictions on their way to PostgreSQL: written to a file before they are answered.

**What is promised.** A prediction that was answered is in a file that the operating system holds:
killing the server at any time loses none, and neither does PostgreSQL being away. Files are not
forced to the disk for each answer (that would cost milliseconds): if the *machine* loses its
power, the last seconds may be gone. Carrying over repeats after a crash, and PostgreSQL keeps one
row an id. When the folder is full, answers go on and what is not recorded is counted.

Files are ``<number>.jsonl``, one prediction a line. The newest is written; older ones are carried
over in order, then deleted. A line that PostgreSQL refuses goes to ``refused.jsonl``.
"""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

import orjson
import psycopg

from ml.serving.log import Prediction, PredictionLog
from platform_assets.core.databases import DatabaseError
from platform_assets.core.errors import WeirError
from platform_assets.core.locks import LockedError, file_lock

EVERY_SECONDS = 0.2
AT_ONCE = 500
"""Waiting predictions that are carried over without waiting for the time."""
FILE_BYTES = 4 * 2**20
FOLDER_BYTES = 2**30
LONGEST_PAUSE = 5.0
_REFUSED = "refused.jsonl"

_logger = logging.getLogger(__name__)


class JournalError(WeirError):
    """The folder cannot be used."""


class Journal:
    """A folder of predictions not yet in PostgreSQL, and the thread that empties it.

    Attributes:
        recorded: predictions written to files since the start.
        carried: of them and of those found at the start, handed to PostgreSQL.
        lost: answered, but not recorded: the disk or the folder was full.
        refused: lines that PostgreSQL or the parser would not take.
        away: whether PostgreSQL was out of reach at the last attempt.
    """

    def __init__(self, folder: Path, log: PredictionLog, *, limit: int = FOLDER_BYTES) -> None:
        """Take the folder; what an earlier server left there is carried over first.

        Raises:
            JournalError: another server uses it, or it cannot be written.
        """
        self.recorded = self.carried = self.lost = self.refused = 0
        self.away = False
        self._folder = folder
        self._log = log
        self._limit = limit
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._guard = ExitStack()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._guard.enter_context(
                file_lock(folder / "lock", what="recording predictions", timeout=0)
            )
        except LockedError as error:
            raise JournalError(
                f"{folder} cannot be used: {error.message}", "one model server a folder"
            ) from error
        except OSError as error:
            raise JournalError(
                f"{folder} cannot be used: {error.strerror}", "check its permissions"
            ) from error
        self._closed_bytes = sum(path.stat().st_size for path in self._files())
        self._number = max((int(path.stem) for path in self._files()), default=0)
        self._file = self._size = self._rows = 0
        self._open_next()

    def start(self) -> None:
        """Begin to carry over."""
        self._thread = threading.Thread(target=self._carry, name="journal", daemon=True)
        self._thread.start()

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Record predictions; on return the operating system has them. Never raises."""
        lines = b"".join(
            orjson.dumps(prediction, option=orjson.OPT_APPEND_NEWLINE) for prediction in predictions
        )
        with self._lock:
            if self._closed_bytes + self._size + len(lines) > self._limit:
                self._lose(len(predictions), "the folder is full")
                return
            try:
                if os.write(self._file, lines) != len(lines):
                    raise OSError("the disk is full")  # noqa: TRY301 - one way out
            except OSError as error:
                # Half a line would spoil the next one.
                with suppress(OSError):
                    os.ftruncate(self._file, self._size)
                self._lose(len(predictions), str(error))
                return
            self._size += len(lines)
            self._rows += len(predictions)
            self.recorded += len(predictions)
            full = self._rows >= AT_ONCE
            if self._size >= FILE_BYTES:
                self._turn()
        if full:
            self._wake.set()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not yet in PostgreSQL."""
        return self._closed_bytes + self._size

    def stop(self, timeout: float = 5.0) -> None:
        """Carry over what can be, and give the folder back; the rest waits for the next start."""
        self._ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
        with self._lock:
            os.close(self._file)
            self._file = -1
        self._guard.close()

    def carry_over(self) -> None:
        """Close the file that is written, and hand all closed files to PostgreSQL.

        Raises:
            DatabaseError: PostgreSQL does not answer; what is left stays.
        """
        with self._lock:
            if self._size:
                self._turn()
        self._hand_over()

    def _carry(self) -> None:
        failures = 0
        while True:
            ending = self._ending.is_set()
            try:
                self.carry_over() if failures == 0 else self._retry()
                failures, self.away = 0, False
            except DatabaseError as error:
                failures += 1
                if not self.away:
                    _logger.warning("predictions wait on disk: %s", error)
                self.away = True
                # A fresh pool comes back sooner than one that waits ever longer.
                self._log.close()
            except Exception:
                # The thread must outlive whatever it meets: predictions only wait meanwhile.
                _logger.exception("predictions wait on disk")
                failures += 1
            if ending:
                return
            self._pause(failures)

    def _retry(self) -> None:
        """While PostgreSQL is away, one file grows rather than five new ones a second."""
        self._hand_over()
        self.carry_over()

    def _pause(self, failures: int) -> None:
        if failures:
            longest = min(LONGEST_PAUSE, EVERY_SECONDS * 2 ** min(failures, 10))
            self._ending.wait(random.uniform(EVERY_SECONDS, longest))  # noqa: S311 - jitter
            return
        self._wake.wait(EVERY_SECONDS)
        self._wake.clear()

    def _hand_over(self) -> None:
        for path in self._files():
            if int(path.stem) >= self._number:
                break
            rows = self._read(path)
            for start in range(0, len(rows), AT_ONCE):
                self._add(rows[start : start + AT_ONCE])
            with self._lock:
                self._closed_bytes -= path.stat().st_size
            path.unlink()
            self.carried += len(rows)

    def _add(self, rows: Sequence[Prediction]) -> None:
        try:
            self._log.add(rows)
        except psycopg.Error as error:
            if len(rows) == 1:
                self._refuse(orjson.dumps(rows[0]), str(error))
                return
            for row in rows:
                self._add([row])

    def _read(self, path: Path) -> list[Prediction]:
        rows = []
        for line in path.read_bytes().splitlines():
            try:
                fields = orjson.loads(line)
                rows.append(Prediction(**{**fields, "at": datetime.fromisoformat(fields["at"])}))
            except (ValueError, TypeError, KeyError) as error:
                # The last line of a machine that lost its power may be cut.
                self._refuse(line, str(error))
        return rows

    def _refuse(self, line: bytes, reason: str) -> None:
        self.refused += 1
        _logger.error("a prediction is kept in %s: %s", _REFUSED, reason)
        with (self._folder / _REFUSED).open("ab") as handle:
            handle.write(line + b"\n")

    def _lose(self, count: int, reason: str) -> None:
        if self.lost == 0:
            _logger.error("predictions are answered and not recorded: %s", reason)
        self.lost += count

    def _files(self) -> list[Path]:
        found = (path for path in self._folder.glob("*.jsonl") if path.stem.isdecimal())
        return sorted(found, key=lambda path: int(path.stem))

    def _turn(self) -> None:
        os.close(self._file)
        self._closed_bytes += self._size
        self._open_next()

    def _open_next(self) -> None:
        self._number += 1
        self._file = os.open(
            self._folder / f"{self._number}.jsonl",
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND,
            0o600,
        )
        self._size = self._rows = 0
