"""A folder's files as a sensor remembers them: which are complete, asked for, and done.

Plain values, kept as the sensor's cursor between its looks; nothing here knows Dagster.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from platform_assets.connectors.file_model import matches

SETTLED_SECONDS = 10.0
"""A file changed more recently than this may still be being written."""

UNDER_WAY, SUCCEEDED, FAILED = "under way", "succeeded", "failed"

_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0
"""Seconds before a file whose run failed is asked for again; doubled each time."""

_MOST_AT_ONCE = 500


@dataclass
class Item:
    """One file, as it was at the last look.

    Attributes:
        path, size, mtime_ns, sha256: of the file.
        run_key: of the run that was asked for it; empty before.
        done: its run succeeded, or it was refused for good.
        tries: how often it was asked for.
        not_before: seconds since 1970 before which it is not asked for again.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    run_key: str = ""
    done: bool = False
    tries: int = 0
    not_before: float = 0.0


@dataclass
class Inbox:
    """The files of a folder, by path."""

    items: dict[str, Item] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str | None) -> Inbox:
        """From a cursor; one of an earlier version counts as none (asking again is harmless)."""
        try:
            read = json.loads(cursor or "{}")
            return cls({path: Item(path, *values) for path, values in read.items()})
        except (ValueError, TypeError, AttributeError):
            return cls()

    def text(self) -> str:
        """As a cursor."""
        return json.dumps({path: list(asdict(item).values())[1:] for path, item in self._sorted()})

    def look(
        self,
        folder: Path,
        now: float | None = None,
        *,
        names: str = "*.csv",
        settled: float = SETTLED_SECONDS,
    ) -> None:
        """Take in the files that are there and complete; a changed one is a new one.

        Args:
            folder: a folder, or one file.
            now: the time that ages are measured at; default: the clock's.
            names: pattern of the files' names.
            settled: seconds since a file's last change from which it counts as complete.
        """
        found: dict[str, Item] = {}
        for path, size, mtime_ns in _complete(folder, now, names, settled):
            known = self.items.get(path)
            if known is not None and (known.size, known.mtime_ns) == (size, mtime_ns):
                found[path] = known
                continue
            try:
                item = Item(path, size, mtime_ns, _digest(Path(path)))
            except OSError:
                continue
            if known is not None and known.sha256 == item.sha256:
                # Touched, not changed.
                item = Item(path, size, mtime_ns, *list(asdict(known).values())[3:])
            found[path] = item
        self.items = found

    def settle(
        self, outcome: Callable[[str], str], settled: Callable[[Sequence[str]], set[str]]
    ) -> None:
        """Find out what became of the runs.

        Args:
            outcome: run key -> :data:`UNDER_WAY`, :data:`SUCCEEDED` or :data:`FAILED`.
            settled: digests -> those of files that were sent whole or refused for good; asked
                for the files of failed runs only, for a run fails where one of its files does.
        """
        waiting = [item for item in self.items.values() if item.run_key and not item.done]
        ended = {key: outcome(key) for key in sorted({item.run_key for item in waiting})}
        failed = [item for item in waiting if ended[item.run_key] == FAILED]
        good = settled([item.sha256 for item in failed]) if failed else set()
        for item in waiting:
            if ended[item.run_key] == SUCCEEDED or item.sha256 in good:
                item.done = True
            elif ended[item.run_key] == FAILED:
                item.run_key = ""

    def ask(self, now: float) -> list[Item]:
        """Files to ask a run for, with that run's key; in the order of their names."""
        wanted = [
            item for _, item in self._sorted()
            if not item.run_key and not item.done and item.not_before <= now
        ]  # fmt: skip
        # A run's config is kept and shown: the rest is asked for at the next look.
        del wanted[_MOST_AT_ONCE:]
        if not wanted:
            return []
        said = "".join(f"{item.path}\0{item.sha256}\0{item.tries}\n" for item in wanted)
        key = hashlib.sha256(said.encode()).hexdigest()[:32]
        for item in wanted:
            item.run_key = key
            item.not_before = now + min(_FIRST_PAUSE * 2 ** min(item.tries, 10), _LONGEST_PAUSE)
            item.tries += 1
        return wanted

    def _sorted(self) -> list[tuple[str, Item]]:
        return sorted(self.items.items())


def listing(path: Path, now: float | None = None) -> str:
    """One word for the CSV files that are there and complete; another one when any changed.

    Args:
        path: a file or a folder.
        now: the time that ages are measured at; default: the clock's.
    """
    seen = hashlib.sha256()
    some = False
    for name, size, mtime_ns in _complete(path, now, "*.csv", SETTLED_SECONDS):
        some = True
        seen.update(f"{Path(name).name}\0{size}\0{mtime_ns}\n".encode())
    return seen.hexdigest()[:32] if some else ""


def _complete(
    path: Path, now: float | None, names: str, settled: float
) -> list[tuple[str, int, int]]:
    """Path, size and time of change of each matching file that is not being written."""
    moment = time.time() if now is None else now
    files = [path] if path.is_file() else sorted(path.iterdir())
    found = []
    for file in files:
        if not matches(file.name, names):
            continue
        try:
            stat = file.stat()
        except OSError:
            # Gone since it was listed.
            continue
        if moment - stat.st_mtime >= settled:
            found.append((str(file), stat.st_size, stat.st_mtime_ns))
    return found


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
