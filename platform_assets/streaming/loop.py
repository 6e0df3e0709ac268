"""The stream loop: one thread a topic takes what waits, lands it, publishes it, and again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog

from platform_assets.connectors.seam.bulk import BulkFiles
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines.base import Engine, MicroBatch
from platform_assets.streaming.bulk import BulkLog, land
from platform_assets.streaming.dead_letters import DeadLetters
from platform_assets.streaming.faults import halt_of, is_away, is_final
from platform_assets.streaming.generations import TopicReplacedError
from platform_assets.streaming.halts import Halt, Reason
from platform_assets.streaming.ledger import Ledger, LedgerConflictError, Progress
from platform_assets.streaming.locks import Lease, LeaseLostError
from platform_assets.streaming.microbatch import Processor, Step
from platform_assets.streaming.plan import (
    Broker,
    LogGapError,
    plan_ranges,
)
from platform_assets.streaming.steps import Steps
from platform_assets.streaming.topics import TopicStates
from platform_assets.streaming.windows import Windows

log = structlog.get_logger(__name__)

QUEUE_STEPS = 1000
"""Back-pressure: topics wait when the run that logs falls this many steps behind."""

ATTEMPTS_BEFORE_HALT = 8
"""Tries of one micro-batch, with back-off between, before its topic halts. A server that is
away is not the records' fault: such errors are tried for as long as it takes."""

STATE_SECONDS = 1.0
"""How often a topic looks whether it is paused, and stores a lag that has changed."""

SIGN_OF_LIFE_SECONDS = 10.0
"""How often a topic stores a lag that has not."""

IDLE_SLOWEST, IDLE_TURNS = 3.0, 10
"""A topic without records is asked for less often: as many times the setting, so many turns a step.
A broker with many quiet topics has little to do; a topic that flows is not slower for it."""


@dataclass
class TopicLoop:
    """The loop of one topic; its own thread, engine and back-off."""

    contract: Contract
    fingerprint: str
    processor: Processor
    broker: Broker
    states: TopicStates
    settings: Settings
    stop: threading.Event
    steps: Steps
    _progress: Progress | None = None
    _attempts: int = 0
    _looked: float = 0.0
    _noted: tuple[int, float] | None = None
    _held: bool = False
    prepare: Callable[[Contract], object] | None = None
    _accepted: Halt | None = None
    _behind: bool = False
    _idle_turns: int = 0
    bulk: BulkLog | None = None

    def run(self) -> None:
        """Loop until stopped; an error backs off and tries the same records again."""
        while not self.stop.is_set():
            started = time.monotonic()
            try:
                busy = self._turn()
                busy = self._take_file() or busy
                self._attempts = 0
            except (LedgerConflictError, LeaseLostError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever fails, the others go on
                self._failed(error)
                continue
            self._idle_turns = 0 if busy else self._idle_turns + 1
            if not busy:
                self.stop.wait(self.settings.stream_idle_seconds * quietly(self._idle_turns))
            elif not self._behind:
                spent = time.monotonic() - started
                self.stop.wait(max(0.0, self.settings.stream_pace_seconds - spent))
        if self.bulk is not None:
            self.bulk.close()
        self.processor.engine.close()

    def _turn(self) -> bool:
        """One turn; False when there was nothing to do."""
        topic = self.contract.topic
        if time.monotonic() - self._looked >= STATE_SECONDS or self._held:
            self._held = self._is_held()
        if self._held:
            self.stop.wait(STATE_SECONDS)
            return True
        progress = self._progress
        if progress is None:
            self._confirm(self.processor.ledger.progress(topic))
            self._recover()
            progress = self._progress = self.processor.ledger.progress(topic)
        gap = self._accepted
        troubled = self._attempts > 0 or gap is not None
        if self._idle_turns and not troubled and self._is_still(progress):
            self._look(0)
            return False
        low = not progress.next_offsets or troubled
        extents = self.broker.extents(topic, low=low)
        if gap is not None:
            progress = self._progress = _after(topic, progress, gap)
        try:
            ranges = plan_ranges(
                str(topic), extents, progress.next_offsets, self.settings.batch_max_records
            )
        except LogGapError:
            self._confirm(progress)  # recreated: that is the reason, and what the gap looks like
            raise
        waiting = sum(
            max(0, e.high - progress.next_offsets.get(p, e.low)) for p, e in extents.items()
        )
        self._look(waiting)
        self._behind = False
        if not ranges:
            return False
        taken = self.processor.take(self.contract, ranges)
        if not taken.ranges:
            return False
        self._confirm(progress)  # what was read is of the recorded topic, also at its end
        # A bound cut it short: more waits, so the next one starts at once.
        self._behind = sum(item.offsets for item in taken.ranges) < waiting
        batch = MicroBatch(
            progress.last_id + 1,
            taken.ranges,
            dict(progress.watermarks),
            progress.generation.number,
        )
        self._progress = None  # from here on only the ledger knows, until it is published
        step = self.processor.first(self.contract, batch, taken)
        self._progress = Progress(
            last_id=batch.id,
            next_offsets={**progress.next_offsets, **{r.partition: r.end for r in taken.ranges}},
            watermarks={
                **progress.watermarks,
                **step.published.watermarks.get(batch.id, {}),
            },
            generation=progress.generation,
        )
        self._emit(step)
        if self._accepted is not None:
            self._consume()
        return True

    def _is_still(self, progress: Progress) -> bool:
        """Whether nothing came; by a word that may be as old as half of its pause."""
        within = 0.5 * self.settings.stream_idle_seconds * quietly(self._idle_turns)
        return self.broker.is_still(self.contract.topic, progress.next_offsets, within)

    def _take_file(self) -> bool:
        """A slice of a bulk file, after what the log had; False when there is none."""
        progress = self._progress
        if self.bulk is None or self._held or progress is None:
            return False
        found = self.bulk.next()
        if found is None:
            return False
        self._behind = True  # files wait for no pace
        self._progress = None
        step = land(self.processor, self.bulk, found, progress)
        self._progress = progress if step is None else replace(progress, last_id=step.batch.id)
        if step is not None:
            self._emit(step)
        return True

    def _confirm(self, progress: Progress) -> None:
        """See that the broker's topic is the one whose offsets are recorded; note it at first.

        Raises:
            TopicReplacedError: it was deleted and recreated.
        """
        topic, found = self.contract.topic, self.broker.topic_id(self.contract.topic)
        known = progress.generation
        if found is not None and (known.topic_id is None or not progress.next_offsets):
            if known.topic_id != found:
                self.processor.ledger.note_generation(topic, replace(known, topic_id=found))
            return
        known.require(topic, found)

    def _recover(self) -> None:
        if self.prepare is not None:
            self.prepare(self.contract)
            self.prepare = None
        self.processor.engine.ensure_tables(self.contract)
        accepted = self.states.read(self.contract.topic).accepted
        for item in self.processor.ledger.open_batches(self.contract.topic):
            log.info("recovering", topic=str(self.contract.topic), micro_batch=item.batch.id)
            step = self.processor.recover(
                self.contract,
                item.batch,
                item.window_key,
                accept=accepted is not None and accepted.covers(item.batch),
            )
            if step is not None:
                self._emit(step)
        self.processor.complete(self.contract)
        self._accepted = accepted
        if accepted is not None and accepted.reason is not Reason.GAP:
            self._consume()

    def _consume(self) -> None:
        """What was accepted has passed; a gap once something after it is recorded."""
        self.states.consume(self.contract.topic)
        self._accepted = None

    def _is_held(self) -> bool:
        state = self.states.read(self.contract.topic)
        if state.unfinished:
            self._progress = None  # a replay's process died: recovering ends what it began
        return state.paused or (state.halted_contract == self.fingerprint)

    def _look(self, lag: int) -> None:
        now = time.monotonic()
        if now - self._looked < STATE_SECONDS:
            return
        self._looked = now
        known, at = self._noted or (None, 0.0)
        if lag != known or now - at > SIGN_OF_LIFE_SECONDS:
            self.states.note(self.contract.topic, lag=lag)
            self._noted = (lag, now)

    def _emit(self, step: Step) -> None:
        self.steps.put(step, self.stop)

    def _failed(self, error: Exception) -> None:
        self._attempts += 1
        self._progress = self._noted = None
        if self.bulk is not None:
            self.bulk.reset()
        topic = self.contract.topic
        text = str(error)
        log.warning("micro-batch failed", topic=str(topic), attempt=self._attempts, error=text)
        if isinstance(error, TopicReplacedError):
            self.processor.engine.close()  # what it has fetched ahead is of the topic that was
        try:
            tired = self._attempts >= ATTEMPTS_BEFORE_HALT and not is_away(error)
            if is_final(error) or tired:
                opened = self.processor.ledger.open_batches(topic)
                halt = halt_of(error, opened[0].batch if opened else None)
                self.processor.ledger.fail(topic, halt, text, self.fingerprint)
                self._held = True
            else:
                self.states.note(topic, error=text)
        except Exception as second:  # noqa: BLE001 - the ledger itself may be down
            log.warning("could not note the error", topic=str(topic), error=str(second))
        self.stop.wait(random.uniform(0.5, 1.0) * min(15.0, 0.2 * 2**self._attempts))  # noqa: S311


def quietly(idle_turns: int) -> float:
    """How many times the setting a topic waits after so many turns without records."""
    return min(IDLE_SLOWEST, 1 + idle_turns / IDLE_TURNS)


def _after(topic: TopicName, progress: Progress, gap: Halt) -> Progress:
    """Move on after exactly the records whose loss a person accepted."""
    offsets = dict(progress.next_offsets)
    for item in gap.ranges:
        if offsets.get(item.partition) == item.start:
            log.warning(
                "gap accepted", topic=str(topic), partition=item.partition, offsets=item.offsets
            )
            offsets[item.partition] = item.end
    return replace(progress, next_offsets=offsets)


class StreamLoop:
    """All topics' loops under one lease.

    Args:
        settings: profile.
        contracts: the topics to run.
        open_engine: makes an engine; called once a topic (engines are not shared by threads).
        fingerprints: per contract the fingerprint that a halt is bound to.
        lease: held by the caller for as long as the loop runs.
        run_id: the Dagster run, for the ledger.
        unready: topics that were refused, which are halted: made ready when they are resumed.
        prepare: makes one ready.
    """

    def __init__(
        self,
        settings: Settings,
        contracts: Sequence[Contract],
        *,
        open_engine: Callable[[Settings], Engine],
        fingerprints: Callable[[Contract], str],
        lease: Lease,
        run_id: str,
        unready: Collection[TopicName] = (),
        prepare: Callable[[Contract], object] | None = None,
    ) -> None:
        self._settings = settings
        self._lease = lease
        self._stop = threading.Event()
        self._steps = Steps(QUEUE_STEPS)
        self._errors: list[BaseException] = []
        ledger, windows = Ledger(settings), Windows(settings)
        letters, broker, states = DeadLetters(settings), Broker(settings), TopicStates(settings)
        self._files = BulkFiles(settings)
        self._loops = [
            TopicLoop(
                contract=contract,
                fingerprint=fingerprints(contract),
                processor=Processor(
                    settings, open_engine(settings), ledger, windows, letters, broker, run_id
                ),
                broker=broker,
                states=states,
                settings=settings,
                stop=self._stop,
                steps=self._steps,
                prepare=prepare if contract.topic in unready else None,
                bulk=BulkLog(settings, contract, ledger, self._files),
            )
            for contract in contracts
        ]
        self._threads: list[threading.Thread] = []

    def steps(self, idle_seconds: float = 1.0) -> Iterator[Step | None]:
        """Run the topics and yield each step; None when none came for ``idle_seconds``.

        Ends when a stop was requested through the lease or by :meth:`drain`; closing the
        generator drains too: every topic finishes the micro-batch in its hands.

        Raises:
            LeaseLostError: another run may hold the lease now.
            LedgerConflictError: another run recorded the same records.
        """
        self._threads = [
            threading.Thread(target=self._guard, args=(loop,), name=f"stream {loop.contract.topic}")
            for loop in self._loops
        ]
        for thread in self._threads:
            thread.start()
        checked = time.monotonic()
        try:
            while not self._stop.is_set():
                if time.monotonic() - checked > STATE_SECONDS:
                    checked = time.monotonic()
                    if (reason := self._lease.check()) is not None:
                        log.info("draining", reason=reason)
                        self._stop.set()
                        break
                yield self._steps.get(idle_seconds)
        finally:
            self.drain()
        yield from self._steps.rest()
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """Ask the loop to end; :meth:`steps` drains and yields what is left."""
        self._stop.set()

    def drain(self) -> None:
        """Let every topic finish its micro-batch, then end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._files.close()

    def _guard(self, loop: TopicLoop) -> None:
        try:
            loop.run()
        except BaseException as error:  # noqa: BLE001 - handed to the run's own thread
            self._errors.append(error)
            self._stop.set()
