"""Live data at a chosen rate: event time is now."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from platform_assets.connectors.avro_codec import Columns, Encoder
from platform_assets.connectors.envelope import now_micros
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate import faults, plan
from platform_assets.connectors.simulate.result import SimulationResult
from platform_assets.connectors.simulate.shift import Shift
from platform_assets.connectors.simulate.streams import Stream
from platform_assets.connectors.simulate.weave import Shares, TopicCounts, Weaver, Woven, keys
from platform_assets.connectors.simulate.world import SECOND
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

_TICK_SECONDS = 0.05
_DRAW_SECONDS = 20
_LONGEST_CATCH_UP_SECONDS = 2.0


def simulate_live(
    settings: Settings,
    seed: int,
    rate: float,
    stop: threading.Event,
    duration: float | None = None,
    topics: Sequence[str] | None = None,
    *,
    shares: Shares | None = None,
    shift: Shift | None = None,
    progress: Callable[[int], None] | None = None,
) -> SimulationResult:
    """Send ``rate`` records a second, spread over the topics, until stopped.

    Event ids are this run's own: they meet neither a history's nor an earlier run's. After a
    stall of the machine at most two seconds' worth is caught up.

    Args:
        settings: where broker and registry are.
        seed: determines what happens; the clock determines when.
        rate: records a second over all topics.
        stop: set it to end the run.
        duration: seconds after which it ends by itself.
        topics: default: all simulated topics.
        shares: how much goes wrong.
        shift: what changes from a moment on; default nothing.
        progress: called with the records sent so far, some times a second.

    Returns:
        Counts by topic; every counted record is acknowledged.

    Raises:
        WeirError: broker or registry do not answer or refuse, or a record is not delivered.
    """
    if rate <= 0:
        raise WeirError(f"expected a rate above 0 records a second, got {rate}")
    began = time.monotonic()
    result = SimulationResult(seed, None)
    chosen = plan.choose(topics, live=True, shift=shift)
    ids = ensure_topics(settings, [contract for contract, _, _ in chosen])
    token = f"live-{secrets.token_hex(5)}"
    taps = [
        _Tap(
            contract,
            stream,
            ids[contract.topic],
            seed=seed,
            rate=rate * share,
            shares=shares or Shares(),
            token=token,
            shift=shift if str(contract.topic) == plan.SHIFTING else None,
        )
        for contract, stream, share in chosen
    ]
    with LogProducer(settings, linger_ms=5) as producer:
        start = paced = time.monotonic()
        sent = 0
        while not stop.wait(_TICK_SECONDS):
            now = time.monotonic()
            if duration is not None and now - start >= duration:
                break
            elapsed = min(now - paced, _LONGEST_CATCH_UP_SECONDS)
            paced = now
            for tap in taps:
                for record in tap.take(elapsed, result):
                    producer.send(record)
                    sent += 1
            producer.poll()
            if progress is not None:
                progress(sent)
    result.seconds = time.monotonic() - began
    return result


class _Tap:
    """One topic's live records: draws ahead, stamps and encodes when they are due."""

    def __init__(
        self,
        contract: Contract,
        stream: Stream,
        schema_id: int,
        *,
        seed: int,
        rate: float,
        shares: Shares,
        token: str,
        shift: Shift | None,
    ) -> None:
        self._rate = rate
        self._shift = shift
        self._contract = contract
        self._stream = stream
        self._encoder = Encoder(contract, schema_id, plan.SOURCE)
        self._weaver = Weaver(contract, shares, f"{token}-{contract.topic.entity}")
        self._rng = np.random.default_rng([seed, 1, *str(contract.topic).encode()])
        self._owed = 0.0
        self._woven: Woven | None = None
        self._place = 0
        self._sent: dict[int, Record] = {}

    def take(self, elapsed: float, result: SimulationResult) -> Iterator[Record]:
        """The records due after another ``elapsed`` seconds."""
        busier = self._shift and now_micros() >= self._shift.micros
        self._owed += self._rate * elapsed * (self._shift.activity if self._shift and busier else 1)
        due = int(self._owed)
        self._owed -= due
        while due > 0:
            if self._woven is None or self._place == len(self._woven.order):
                self._refill()
            woven = self._woven
            assert woven is not None  # noqa: S101 - just refilled
            rows = woven.order[self._place : self._place + due].tolist()
            self._place += len(rows)
            due -= len(rows)
            yield from self._stamped(woven, rows, result)

    def _refill(self) -> None:
        count = max(200, min(20_000, int(self._rate * _DRAW_SECONDS)))
        now = now_micros()
        end = now + int(count / self._rate * SECOND) + SECOND
        duplicates = self._weaver.duplicates_in(count)
        drawn = self._stream.draw(self._rng, count - duplicates, now, end)
        self._woven = self._weaver.weave(self._rng, drawn, duplicates, end, live=True)
        self._place = 0
        self._sent = {}

    def _stamped(self, woven: Woven, rows: list[int], result: SimulationResult) -> Iterator[Record]:
        """Records of these rows, with event time now; repeats are the bytes of the first."""
        now = now_micros()
        fresh = [row for row in dict.fromkeys(rows) if row not in self._sent]
        columns = _pick(woven.columns, fresh, now)
        values = self._encoder.encode_columns(columns)
        name = str(self._contract.topic)
        for row, key, value in zip(fresh, keys(self._contract, columns), values, strict=True):
            damaged = faults.undecodable(value, row) if row in woven.undecodable else value
            self._sent[row] = Record(name, key, damaged)
        counts = TopicCounts(events=len(rows), duplicates=len(rows) - len(fresh))
        self._count_faults(woven, fresh, counts)
        result.add(name, counts)
        yield from (self._sent[row] for row in rows)

    def _count_faults(self, woven: Woven, fresh: list[int], counts: TopicCounts) -> None:
        for row in fresh:
            if (kind := woven.broken.get(row)) is not None:
                counts.broken[kind] = counts.broken.get(kind, 0) + 1
                counts.dead_letters += kind == faults.UNDECODABLE
            elif row in woven.late:
                counts.late += 1
            elif row in woven.out_of_order:
                counts.out_of_order += 1


def _pick(columns: Columns, rows: list[int], now: int) -> Columns:
    """These rows; a moment stays as far from now as it was from its arrival."""

    def take(values: list[object]) -> list[object]:
        return [values[row] for row in rows]

    moments = []
    for row in rows:
        moment, arrival = columns.occurred_at[row], columns.ingested_at[row]
        moments.append(None if moment is None else now - (arrival - moment))
    return Columns(
        event_ids=[columns.event_ids[row] for row in rows],
        ops=[columns.ops[row] for row in rows],
        occurred_at=moments,
        ingested_at=[now] * len(rows),
        after={name: take(values) for name, values in columns.after.items()},
        before=columns.before and {name: take(values) for name, values in columns.before.items()},
        has_after=columns.has_after and [columns.has_after[row] for row in rows],
        has_before=columns.has_before and [columns.has_before[row] for row in rows],
    )
