"""Some weeks of history, flat out: a function of seed and arguments, byte for byte."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.envelope import micros
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate import plan
from platform_assets.connectors.simulate.result import SimulationResult
from platform_assets.connectors.simulate.shift import Shift
from platform_assets.connectors.simulate.weave import Shares, Weaver
from platform_assets.connectors.simulate.world import DAY
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

SLICE_RECORDS = 250_000
"""Records drawn and held in memory at once."""
_PROGRESS_EVERY = 5_000

Progress = Callable[[int, int], None]
"""Called with records sent and records in all."""


def whole_hour(moment: datetime | None = None) -> datetime:
    """The last full hour at ``moment`` (default: now): the usual end of a history."""
    moment = (moment or datetime.now(UTC)).astimezone(UTC)
    return moment.replace(minute=0, second=0, microsecond=0)


def records(
    seed: int,
    events: int,
    *,
    weeks: float = 8,
    until: datetime | None = None,
    shares: Shares | None = None,
    topics: Sequence[str] | None = None,
    shift: Shift | None = None,
    schema_ids: Mapping[TopicName, int] | None = None,
    result: SimulationResult | None = None,
) -> Iterator[Record]:
    """The records of a history, in order of arrival; pure, without Kafka.

    Args:
        seed: with the other arguments it determines every byte.
        events: records in all, duplicates and broken ones included.
        weeks: length of the history.
        until: its end; default the last full hour.
        shares: how much goes wrong.
        topics: default: all simulated topics.
        shift: what changes from a moment on; default nothing.
        schema_ids: ids for the frames (default 1).
        result: takes the counts, where given.

    Raises:
        WeirError: an argument makes no sense, or a topic has no contract.
    """
    if events < 0 or weeks <= 0:
        raise WeirError(f"expected events >= 0 and weeks > 0, got {events} and {weeks}")
    shares = shares or Shares()
    end = micros(whole_hour(until))
    start = end - int(weeks * 7 * DAY)
    chosen = plan.choose(topics, shift=shift)
    # Part of every event id: histories of other arguments must not look like duplicates.
    what = (seed, events, start, end, shares, [str(c.topic) for c, _, _ in chosen])
    identity = repr((*what, shift) if shift else what)
    token = hashlib.blake2b(identity.encode(), digest_size=5).hexdigest()
    counts = plan.split(events, [share for _, _, share in chosen])
    slices = max(1, -(-events // SLICE_RECORDS))
    weavers = [Weaver(c, shares, f"{token}-{c.topic.entity}") for c, _, _ in chosen]
    encoders = [Encoder(c, (schema_ids or {}).get(c.topic, 1), plan.SOURCE) for c, _, _ in chosen]
    rngs = [np.random.default_rng([seed, *str(c.topic).encode()]) for c, _, _ in chosen]
    for number in range(slices):
        begin = start + (end - start) * number // slices
        stop = start + (end - start) * (number + 1) // slices
        made: list[list[Record]] = []
        arrivals = []
        for index, (contract, stream, _) in enumerate(chosen):
            moved = shift if str(contract.topic) == plan.SHIFTING else None
            before, after = (
                int(counts[index] * (moved.share(start, end, at) if moved else Fraction(n, slices)))
                for n, at in ((number, begin), (number + 1, stop))
            )
            count = after - before
            if count == 0:
                continue
            duplicates = weavers[index].duplicates_in(count)
            drawn = stream.draw(rngs[index], count - duplicates, begin, stop)
            woven = weavers[index].weave(rngs[index], drawn, duplicates, stop)
            pairs = woven.encode(contract, encoders[index])
            name = str(contract.topic)
            made.append([Record(name, *pairs[row]) for row in woven.order.tolist()])
            arrivals.append(woven.arrivals)
            if result is not None:
                result.add(name, woven.counts)
        yield from _merged(made, arrivals)


def _merged(made: list[list[Record]], arrivals: list[np.ndarray]) -> Iterator[Record]:
    """All topics' records by arrival; within a topic the order stays."""
    if not made:
        return
    flat = [record for topic in made for record in topic]
    for place in np.argsort(np.concatenate(arrivals), kind="stable").tolist():
        yield flat[place]


def simulate_history(
    settings: Settings,
    seed: int,
    events: int,
    weeks: float = 8,
    until: datetime | None = None,
    *,
    shares: Shares | None = None,
    topics: Sequence[str] | None = None,
    shift: Shift | None = None,
    progress: Progress | None = None,
) -> SimulationResult:
    """Make topics and schemas, then send a history flat out; see :func:`records`.

    Returns:
        Counts by topic, all records acknowledged.

    Raises:
        WeirError: broker or registry do not answer or refuse, or a record is not delivered.
    """
    began = time.monotonic()
    until = whole_hour(until)
    result = SimulationResult(seed, until)
    ids = ensure_topics(settings, [contract for contract, _, _ in plan.choose(topics)])
    with LogProducer(settings) as producer:
        stream = records(
            seed,
            events,
            weeks=weeks,
            until=until,
            shares=shares,
            topics=topics,
            shift=shift,
            schema_ids=ids,
            result=result,
        )
        for number, record in enumerate(stream, 1):
            producer.send(record)
            if progress is not None and number % _PROGRESS_EVERY == 0:
                progress(number, events)
    if progress is not None:
        progress(events, events)
    result.seconds = time.monotonic() - began
    return result
