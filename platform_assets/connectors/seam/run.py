"""All sources at once, polled or live, paused and resumed, backing off alone.

A source that is polled has a thread; a live one has a thread for each stream, which has no end.
"""

from __future__ import annotations

import contextlib
import gc
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from platform_assets.connectors.publish import ReadyTopics
from platform_assets.connectors.seam.closed import closed_until
from platform_assets.connectors.seam.cursors import Cursors
from platform_assets.connectors.seam.definition import SourceDefinition
from platform_assets.connectors.seam.pull import StreamOutcome, pull
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

LONGEST_BACKOFF_SECONDS = 300.0
LONGEST_LIVE_SECONDS = 15.0
"""The same for a live source: while it waits, its senders are turned away."""
_PAUSES_SECONDS = 5.0
_SUMS_SECONDS = 1.0
"""Between two writings of what was committed: a live source commits a hundred pages a second."""


@dataclass(frozen=True)
class Told:
    """A stream's page, or the end of its read.

    Attributes:
        source: whose.
        outcome: what was committed since the last time it was told; ``error`` where it failed.
    """

    source: str
    outcome: StreamOutcome


class SourceLoop:
    """Reads sources until it is asked to stop.

    Args:
        settings: where the servers are.
        sources: by name.
    """

    def __init__(self, settings: Settings, sources: Mapping[str, SourceDefinition]) -> None:
        self._settings, self._sources = settings, sources
        self._states, self._cursors = SourceStates(settings), Cursors(settings)
        self._topics = ReadyTopics(settings)
        self._stop = threading.Event()
        self._stops: dict[tuple[str, str], threading.Event] = {}
        self._paused: set[str] = set()
        self._closed: set[str] = set()
        self._told: queue.Queue[Told] = queue.Queue()
        self._sums: dict[tuple[str, str], StreamOutcome] = {}
        self._settled: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Ask all sources to end after their page."""
        self._stop.set()
        for event in list(self._stops.values()):
            event.set()

    def steps(self, seconds: float) -> Iterator[Told | None]:
        """What is committed, as it comes; None after so many seconds without anything.

        Ends when :meth:`stop` was called and every source has ended.
        """
        threads = [
            threading.Thread(
                target=self._keep, args=(source, stream), name=f"source-{name}", daemon=True
            )
            for name, source in self._sources.items()
            for stream in _threads(source)
        ]
        # Before the first read: what is paused is not read at all.
        self._obey_pauses()
        asked = stored = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads) or not self._told.empty():
                if time.monotonic() - asked > _PAUSES_SECONDS and not self._stop.is_set():
                    asked = time.monotonic()
                    self._obey_pauses()
                if time.monotonic() - stored > _SUMS_SECONDS:
                    self._store()
                    stored = time.monotonic()
                try:
                    yield self._told.get(timeout=seconds)
                except queue.Empty:
                    yield None
        finally:
            self.stop()
            for thread in threads:
                thread.join(timeout=60)
            self._store()
            self._states.close()

    def _obey_pauses(self) -> None:
        try:
            paused = set(self._states.pauses())
        except WeirError:
            paused = {name for name in self._paused if name not in self._closed}
        self._closed = {n for n, one in self._sources.items() if closed_until(one.fields.closed)}
        paused |= self._closed
        new = paused - self._paused
        self._paused = paused
        for (name, _), event in list(self._stops.items()):
            if name in new:
                event.set()

    def _keep(self, source: SourceDefinition, stream: str) -> None:
        failures = 0
        while not self._stop.is_set():
            # First: whoever pauses or stops from here on finds it.
            stop = self._stops[source.name, stream] = threading.Event()
            if self._stop.is_set():
                return
            if source.name in self._paused:
                self._stop.wait(1.0)
                continue
            failed = self._read(source, stream, stop)
            failures = failures + 1 if failed else 0
            pause = source.fields.every_seconds if not source.type.live else 1.0
            if failures:
                longest = LONGEST_LIVE_SECONDS if source.type.live else LONGEST_BACKOFF_SECONDS
                pause = min(longest, max(1.0, pause) * 2.0 ** min(failures - 1, 9))
            self._stop.wait(pause)

    def _read(self, source: SourceDefinition, stream: str, stop: threading.Event) -> bool:
        """Read once; whether any stream failed."""
        wanted = [stream] if stream else [one.stream for one in source.fields.streams]
        before: dict[str, StreamOutcome] = {}

        def told(outcome: StreamOutcome) -> None:
            self._settle((source.name, stream))
            self._tell(source.name, since(outcome, before.get(outcome.stream)))
            before[outcome.stream] = replace(outcome, reasons=list(outcome.reasons))

        try:
            outcomes = pull(
                self._settings,
                source,
                streams=wanted,
                stop=stop,
                told=told,
                places=self._cursors,
                topics=self._topics,
            )
        except WeirError as error:
            self._topics.forget(source.topics)
            for one in map(source.stream, wanted):
                self._tell(source.name, StreamOutcome(one.stream, one.topic, error=str(error)))
            return True
        for outcome in outcomes:
            self._tell(source.name, since(outcome, before.get(outcome.stream)))
        failed = [outcome for outcome in outcomes if outcome.error]
        self._topics.forget(outcome.topic for outcome in failed)
        return bool(failed)

    def _settle(self, reader: tuple[str, str]) -> None:
        """Keep the collector from walking what a reader's first page has imported.

        A full collection took 0.1 to 0.3 s, in which no sender was answered; without this it came
        every few seconds.
        """
        if reader not in self._settled:
            self._settled.add(reader)
            gc.collect()
            gc.freeze()

    def _tell(self, source: str, outcome: StreamOutcome) -> None:
        """Tell people; never waits for their database, for a sender may wait for the next page."""
        place = (source, outcome.stream)
        with self._lock:
            self._sums[place] = _sum(self._sums.get(place), outcome)
        if outcome.error is not None:
            self._store()
        self._told.put(Told(source, outcome))

    def _store(self) -> None:
        with self._lock:
            sums, self._sums = self._sums, {}
        for (source, _), outcome in sums.items():
            # The log has the rows; the sums are for people.
            with contextlib.suppress(WeirError):
                self._states.add(source, outcome)


def _threads(source: SourceDefinition) -> tuple[str, ...]:
    """What has a thread: each stream of a live source; all of another one, as ``""``."""
    return tuple(one.stream for one in source.fields.streams) if source.type.live else ("",)


def since(outcome: StreamOutcome, before: StreamOutcome | None) -> StreamOutcome:
    """What is new in a growing outcome."""
    if before is None:
        return replace(outcome)
    return replace(
        outcome,
        records=outcome.records - before.records,
        dead_letters=outcome.dead_letters - before.dead_letters,
        pages=outcome.pages - before.pages,
        bytes=outcome.bytes - before.bytes,
        requests=outcome.requests - before.requests,
        seconds=outcome.seconds - before.seconds,
        bulk=outcome.bulk - before.bulk,
        reasons=outcome.reasons[len(before.reasons) :],
    )


def _sum(before: StreamOutcome | None, outcome: StreamOutcome) -> StreamOutcome:
    """Two parts of a read as one, with the lag and the error of the later."""
    if before is None:
        return outcome
    return replace(
        outcome,
        records=before.records + outcome.records,
        dead_letters=before.dead_letters + outcome.dead_letters,
        pages=before.pages + outcome.pages,
        bytes=before.bytes + outcome.bytes,
        requests=before.requests + outcome.requests,
        seconds=before.seconds + outcome.seconds,
        bulk=before.bulk + outcome.bulk,
        reasons=[*before.reasons, *outcome.reasons],
    )
