"""A processor at work: one thread makes results, one stores them, each tries again by itself.

Both are exact by themselves: results and position are one Kafka transaction (:mod:`.exchange`),
rows and position one of PostgreSQL (:mod:`.hot.store`). So neither knows of the other, and either
may be killed anywhere.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines.registry import WriterSchemas
from platform_assets.processors.exchange import Exchange
from platform_assets.processors.hot.figures import Figures, Seen, note
from platform_assets.processors.hot.sink import Sink, Stored
from platform_assets.processors.hot.store import HotStore, PositionConflictError
from platform_assets.processors.model import Definition, FencedError, TextFunctions
from platform_assets.processors.transform import Transformed, Transformer
from platform_assets.streaming.faults import is_away

log = structlog.get_logger(__name__)

MOST_RECORDS = 1000
"""Of one transaction."""
WAIT_SECONDS = 0.25
NOTE_SECONDS = 1.0
LAG_SECONDS = 0.5
FORGET_SECONDS = 3600.0
WINDOW_SECONDS = 60.0
"""Over which rates and latencies are told."""

ATTEMPTS = 5
"""Of a step that fails for another reason than a server that is away, which is waited for."""
_LONGEST_PAUSE = 15.0


@dataclass(frozen=True)
class Told:
    """What the last second or so brought: for logs and materialisations."""

    done: Figures
    seen: Seen


class ProcessorRun:
    """A processor in this process.

    Args:
        settings: profile.
        definition: the processor.
        functions: over texts.
        contracts: of its topics, at least.
        member: number among the processes that run it; each has its own.
        most: records of one transaction.
        only_stores: the results are made elsewhere (:mod:`.scaled`); this process stores them.
    """

    def __init__(
        self,
        settings: Settings,
        definition: Definition,
        functions: TextFunctions,
        contracts: Mapping[TopicName, Contract],
        *,
        member: int = 0,
        most: int = MOST_RECORDS,
        only_stores: bool = False,
    ) -> None:
        self._settings, self._definition, self._functions = settings, definition, functions
        self._member, self._most, self._only_stores = member, most, only_stores
        self._contracts = {topic: contracts[topic] for topic in definition.topics}
        self._store = HotStore(settings)
        self._stop = threading.Event()
        self._tally = _Tally()
        self._errors: list[BaseException] = []

    def steps(self) -> Iterator[Told]:
        """Run until stopped; tells about once a second what was done.

        Closing the generator drains: each thread ends after the batch in its hands.

        Raises:
            FencedError: another process runs the same member.
            WeirError: something fails again and again that is no server's absence.
        """
        works = [("transform", self._transform), ("store", self._store_results)]
        threads = [
            threading.Thread(target=self._guard, args=(work, name), name=f"processor {name}")
            for name, work in works[1 if self._only_stores else 0 :]
        ]
        for thread in threads:
            thread.start()
        try:
            while not self._stop.wait(NOTE_SECONDS):
                yield self._note()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
            last = self._note()
            self._store.close()
        yield last
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """Ask it to end; :meth:`steps` drains."""
        self._stop.set()

    def _transform(self, worked: Callable[[], None]) -> None:
        ids = ensure_topics(self._settings, self._contracts.values())
        transformer = Transformer(
            self._definition,
            self._contracts,
            self._functions,
            WriterSchemas(self._settings),
            ids[self._definition.output],
        )
        names = [str(one.topic) for one in self._definition.inputs]
        looked = 0.0
        with Exchange(self._settings, self._definition.name, names, self._member) as exchange:
            while not self._stop.is_set():
                taken = exchange.take(self._most, WAIT_SECONDS)
                if taken:
                    made = transformer(taken)
                    exchange.commit(made.records, taken)
                    self._tally.made(made)
                    worked()
                if time.monotonic() - looked > LAG_SECONDS:
                    looked = time.monotonic()
                    self._tally.lag = exchange.lag()

    def _store_results(self, worked: Callable[[], None]) -> None:
        contract = self._contracts[self._definition.output]
        ensure_topics(self._settings, [contract])
        forgot = -FORGET_SECONDS
        with Sink(self._settings, contract, WriterSchemas(self._settings), self._store) as sink:
            while not self._stop.is_set():
                stored = sink.step(self._most, WAIT_SECONDS)
                if stored is not None:
                    self._tally.stored(stored)
                    worked()
                if time.monotonic() - forgot > FORGET_SECONDS:
                    forgot = time.monotonic()
                    for month in self._store.forget(datetime.now(UTC)):
                        log.info("month dropped", table=month)

    def _guard(self, work: Callable[[Callable[[], None]], None], name: str) -> None:
        """Have it work; an error backs off and opens everything anew."""
        failures = attempts = 0

        def worked() -> None:
            # Of a batch: to have opened everything, and to wait for records, is no success yet.
            nonlocal failures, attempts
            failures = attempts = 0

        while not self._stop.is_set():
            try:
                work(worked)
            except FencedError as error:
                self._give_up(error)
            except Exception as error:  # noqa: BLE001 - told, and tried again
                failures += 1
                attempts += not (is_away(error) or isinstance(error, PositionConflictError))
                log.warning(
                    "processor waits", processor=self._definition.name, part=name, error=str(error)
                )
                if attempts >= ATTEMPTS:
                    self._give_up(error)
                    return
                pause = min(_LONGEST_PAUSE, 0.2 * 2**failures)
                self._stop.wait(random.uniform(0.5, 1.0) * pause)  # noqa: S311 - jitter

    def _give_up(self, error: BaseException) -> None:
        self._errors.append(error)
        self._stop.set()

    def _note(self) -> Told:
        done, seen = self._tally.take()
        try:
            note(self._store.database, self._definition.name, done, seen, self._functions.version)
        except WeirError as error:
            self._tally.give_back(done)
            log.warning("figures wait", processor=self._definition.name, error=str(error))
            return Told(Figures(), seen)
        return Told(done, seen)


class _Tally:
    """What both threads did, until it is noted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = Figures()
        self._results: deque[tuple[float, int]] = deque()
        self._latencies: deque[tuple[float, list[float]]] = deque()
        self._began = time.monotonic()
        self.lag = 0

    def made(self, made: Transformed) -> None:
        with self._lock:
            self._add(
                Figures(
                    made.taken, made.results, made.routed, made.rejected, made.dead_letters, 0,
                    made.seconds,
                )
            )  # fmt: skip
            self._results.append((time.monotonic(), made.results))

    def stored(self, stored: Stored) -> None:
        with self._lock:
            self._add(Figures(stored=len(stored.added.new)))
            self._latencies.append((time.monotonic(), stored.latencies))

    def give_back(self, done: Figures) -> None:
        with self._lock:
            self._add(done)

    def take(self) -> tuple[Figures, Seen]:
        with self._lock:
            done, self._done = self._done, Figures()
            now = time.monotonic()
            for kept in (self._results, self._latencies):
                while kept and kept[0][0] < now - WINDOW_SECONDS:
                    kept.popleft()
            seconds = max(1.0, min(WINDOW_SECONDS, now - self._began))
            rate = sum(count for _, count in self._results) / seconds
            waited = sorted(one for _, many in self._latencies for one in many)
            return done, Seen(self.lag, rate, *(_quantile(waited, q) for q in (0.5, 0.95, 0.99)))

    def _add(self, more: Figures) -> None:
        known = self._done
        self._done = Figures(
            *(getattr(known, name) + getattr(more, name) for name in Figures.__dataclass_fields__)
        )


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
