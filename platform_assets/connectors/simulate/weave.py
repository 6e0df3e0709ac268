"""A stream's good rows to its log: ids, bytes, and the faults of transport in stated shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from platform_assets.connectors.avro_codec import Columns, Encoder
from platform_assets.connectors.simulate import faults
from platform_assets.connectors.simulate.streams import Drawn
from platform_assets.connectors.simulate.world import HOUR, MINUTE, SECOND, Ints
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError

_ROWS_PER_KIND = 20
"""From this many rows a kind on, every kind of broken record appears at least once."""


@dataclass(frozen=True)
class Shares:
    """Shares of all records of a topic (0 to 1).

    Attributes:
        duplicates: sent again, byte for byte, up to two hours later.
        late: arrive more than the contract's lateness after their event time.
        out_of_order: arrive 5 s to 2 min after their turn.
        broken: break one rule each, or cannot be decoded.
    """

    duplicates: float = 0.01
    late: float = 0.01
    out_of_order: float = 0.02
    broken: float = 0.01

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            share = getattr(self, name)
            if not 0 <= share <= 0.5:
                raise WeirError(f"share of {name}: expected 0 to 0.5, got {share}")


@dataclass
class TopicCounts:
    """What was made of one topic.

    events = good + duplicates + broken records of all kinds (``dead_letters`` among them).
    """

    events: int = 0
    duplicates: int = 0
    late: int = 0
    out_of_order: int = 0
    dead_letters: int = 0
    broken: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> int:
        """Records that silver publishes."""
        return self.events - self.duplicates - sum(self.broken.values())

    def add(self, other: TopicCounts) -> None:
        """Add another count of the same topic."""
        for name in ("events", "duplicates", "late", "out_of_order", "dead_letters"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, count in other.broken.items():
            self.broken[kind] = self.broken.get(kind, 0) + count


@dataclass
class Woven:
    """A batch in order of arrival.

    Attributes:
        columns: the distinct envelopes.
        order: indices into ``columns``, one a record; an index twice is a duplicate.
        arrivals: when each record arrives, microseconds; sorted.
        broken: kind of each broken index.
        late, out_of_order: indices that arrive so.
        undecodable: indices whose bytes are to be damaged.
        counts: what is in it.
    """

    columns: Columns
    order: Ints
    arrivals: Ints
    broken: dict[int, str]
    late: frozenset[int]
    out_of_order: frozenset[int]
    undecodable: frozenset[int]
    counts: TopicCounts

    def encode(self, contract: Contract, encoder: Encoder) -> list[tuple[bytes | None, bytes]]:
        """Key and value of each distinct envelope."""
        values = encoder.encode_columns(self.columns)
        for row in self.undecodable:
            values[row] = faults.undecodable(values[row], row)
        return list(zip(keys(contract, self.columns), values, strict=True))


def keys(contract: Contract, columns: Columns) -> list[bytes | None]:
    """The records' Kafka keys; as ``envelope.kafka_key``, a column at a time."""
    parts: list[Sequence[object]] = []
    for name in contract.key:
        if contract.column(name).source == "event_id":
            parts.append(columns.event_ids)
            continue
        after, before = columns.after[name], (columns.before or columns.after)[name]
        there = columns.has_after or [True] * len(columns)
        parts.append([after[row] if there[row] else before[row] for row in range(len(columns))])
    return [
        None if None in values else "|".join(map(str, values)).encode()
        for values in zip(*parts, strict=True)
    ]


class Weaver:
    """Weaves one topic's rows into its log, one batch after the other."""

    def __init__(self, contract: Contract, shares: Shares, token: str) -> None:
        """Prepare a topic.

        Args:
            contract: the topic's contract.
            shares: how much of it goes wrong.
            token: makes the event ids of this run its own.
        """
        self._contract = contract
        self._shares = shares
        self._token = token
        self._made = 0
        self._kinds = faults.kinds(contract)
        self._breakers = {kind: faults.breaker(contract, kind) for kind in self._kinds}
        self._next_kind = 0

    def duplicates_in(self, records: int) -> int:
        """How many of a batch's records are repeats; the rest are to be drawn."""
        return min(round(records * self._shares.duplicates), records // 2)

    def weave(
        self, rng: np.random.Generator, drawn: Drawn, duplicates: int, end: int, live: bool = False
    ) -> Woven:
        """Weave a batch.

        Args:
            rng: the topic's generator.
            drawn: good rows.
            duplicates: how many repeats to add.
            end: nothing arrives after it (history).
            live: event times stay relative to arrival: late rows are old rows that arrive on
                time, and transport takes no time.
        """
        count = len(drawn.times)
        order = rng.permutation(count)
        times = drawn.times.copy()
        arrivals = times + (0 if live else (rng.exponential(0.2, count) * SECOND).astype(np.int64))
        broken, rest = self._broken(order, drawn, count)
        late = self._late(rng, rest, times, arrivals, end=end, live=live)
        rest = rest[len(late) :] if live else np.setdiff1d(rest, late, assume_unique=True)
        shuffled = rest[: round(count * self._shares.out_of_order)]
        delay = rng.integers(5 * SECOND, 2 * MINUTE, len(shuffled))
        if live:
            times[shuffled] -= delay
        else:
            arrivals[shuffled] = np.maximum(
                arrivals[shuffled], np.minimum(arrivals[shuffled] + delay, end - 1)
            )
        columns = self._columns(drawn, times, arrivals)
        counts = TopicCounts(count + duplicates, duplicates, len(late), len(shuffled))
        kinds = self._break(columns, broken, counts)
        rows, when = self._with_duplicates(
            rng, order, broken, arrivals, duplicates=duplicates, end=end, live=live
        )
        return Woven(
            columns,
            rows,
            when,
            broken=kinds,
            late=frozenset(late.tolist()),
            out_of_order=frozenset(shuffled.tolist()),
            undecodable=frozenset(row for row, kind in kinds.items() if kind == faults.UNDECODABLE),
            counts=counts,
        )

    def _broken(self, order: Ints, drawn: Drawn, count: int) -> tuple[Ints, Ints]:
        """Rows to break, and the others."""
        wanted = round(count * self._shares.broken)
        if self._shares.broken and count >= _ROWS_PER_KIND * len(self._kinds):
            wanted = max(wanted, len(self._kinds))
        if drawn.has_after is not None:
            # A deletion carries nothing that a rule could reject.
            there = np.asarray(drawn.has_after)[order]
            order = np.concatenate((order[there], order[~there]))
            wanted = min(wanted, int(there.sum()))
        return order[:wanted], order[wanted:]

    def _late(
        self,
        rng: np.random.Generator,
        rest: Ints,
        times: Ints,
        arrivals: Ints,
        *,
        end: int,
        live: bool,
    ) -> Ints:
        least = self._contract.lateness_seconds * SECOND + 10 * MINUTE
        wanted = round(len(times) * self._shares.late)
        if live:
            late = rest[:wanted]
            times[late] -= least + rng.integers(0, 6 * HOUR, len(late))
            return late
        late = rest[times[rest] < end - least - HOUR][:wanted]
        room = end - least - times[late]
        extra = (rng.random(len(late)) * np.minimum(room, 12 * HOUR)).astype(np.int64)
        arrivals[late] = times[late] + least + extra
        return late

    def _columns(self, drawn: Drawn, times: Ints, arrivals: Ints) -> Columns:
        count = len(times)
        ids: list[str | None] = [
            f"{self._token}-{number:x}" for number in range(self._made, self._made + count)
        ]
        self._made += count
        return Columns(
            event_ids=ids,
            ops=drawn.ops or ["c"] * count,
            occurred_at=times.tolist(),
            ingested_at=arrivals.tolist(),
            after=drawn.after,
            before=drawn.before,
            has_after=drawn.has_after,
            has_before=drawn.has_before,
        )

    def _break(self, columns: Columns, broken: Ints, counts: TopicCounts) -> dict[int, str]:
        kinds = {}
        for row in broken.tolist():
            kind = self._kinds[self._next_kind % len(self._kinds)]
            self._next_kind += 1
            self._breakers[kind](columns, row)
            counts.broken[kind] = counts.broken.get(kind, 0) + 1
            kinds[row] = kind
        counts.dead_letters = counts.broken.get(faults.UNDECODABLE, 0)
        return kinds

    def _with_duplicates(
        self,
        rng: np.random.Generator,
        order: Ints,
        broken: Ints,
        arrivals: Ints,
        *,
        duplicates: int,
        end: int,
        live: bool,
    ) -> tuple[Ints, Ints]:
        """Rows in order of arrival, repeats among them; an original comes before its repeat."""
        good = np.setdiff1d(order, broken, assume_unique=True)
        repeats = rng.choice(good, duplicates) if duplicates and len(good) else good[:0]
        delay = rng.integers(SECOND, 5 * SECOND if live else 2 * HOUR, len(repeats))
        again = np.maximum(arrivals[repeats], np.minimum(arrivals[repeats] + delay, end - 1))
        rows = np.concatenate((np.arange(len(arrivals)), repeats))
        when = np.concatenate((arrivals, again))
        is_repeat = np.arange(len(rows)) >= len(arrivals)
        sequence = np.lexsort((is_repeat, when))
        return rows[sequence], when[sequence]
