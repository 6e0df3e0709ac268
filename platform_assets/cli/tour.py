"""The one command: servers, data, stream, gold, and a table of what landed where."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TOUR_LEASE, TableName
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from platform_assets.core.naming import TopicName
    from platform_assets.streaming.locks import Lease
    from platform_assets.streaming.plan import Broker
    from platform_assets.streaming.topics import StreamRow

STREAM_PATIENCE_SECONDS = 300.0
"""How long the stream may make no progress at all before the command gives up."""

Say = Callable[[str], None]


class StalledError(WeirError):
    """The stream made no progress for too long."""


@dataclass
class TopicFigures:
    """What became of one topic's records; all are records or rows."""

    events: int = 0
    bronze_rows: int = 0
    silver_rows: int = 0
    quarantined: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    late: int = 0


@dataclass
class Figures:
    """What ``weir run`` prints: totals, by topic, gold tables, the report's period, seconds."""

    topics: dict[str, TopicFigures] = field(default_factory=dict)
    gold: dict[str, int] = field(default_factory=dict)
    report: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The document of ``--json``: totals over all topics, ``topics``, ``gold``, ``seconds``."""
        totals: dict[str, Any] = {
            name: sum(getattr(figures, name) for figures in self.topics.values())
            for name in TopicFigures.__dataclass_fields__
        }
        return {
            **totals,
            "topics": {name: vars(figures) for name, figures in sorted(self.topics.items())},
            "gold": self.gold,
            "report": self.report,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }

    @contextmanager
    def stage(self, name: str, say: Say) -> Iterator[None]:
        """Time a stage and announce it."""
        started = time.monotonic()
        say(f"{name} ...")
        yield
        self.seconds[name] = time.monotonic() - started
        say(f"{name}: {self.seconds[name]:.1f} s")

    def add(self, stage: str, parts: Mapping[str, float], say: Say) -> None:
        """Keep and tell where the seconds of a stage went, as ``stage, part``."""
        for name, seconds in parts.items():
            self.seconds[f"{stage}, {name}"] = seconds
            say(f"  {name}: {seconds:.1f} s")


def lease(settings: Settings) -> Lease:
    """What the command holds while it makes a lake: fresh gold and the watch begin after it."""
    from platform_assets.streaming.locks import Lease

    return Lease(settings, TOUR_LEASE, f"weir run, pid {os.getpid()}", "")


def wait_for_stream(settings: Settings, say: Callable[[int, int], None]) -> None:
    """Wait until every record that is on the broker now is published.

    Args:
        settings: profile.
        say: called with (offsets published, offsets on the broker) while it waits; those of a
            source with transactions hold markers, too.

    Raises:
        StalledError: nothing moved for five minutes, or a topic is halted; says why.
    """
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.plan import Broker
    from platform_assets.streaming.topics import TopicStates

    broker, ledger, states = Broker(settings), Ledger(settings), TopicStates(settings)
    contracts = list(load_contracts().values())
    best, moved_at = -1, time.monotonic()
    ends = {contract.topic: _end(broker, contract.topic) for contract in contracts}
    there = sum(ends.values())
    while True:
        done = 0
        for topic, end in ends.items():
            passed = sum(ledger.progress(topic).next_offsets.values())
            done += min(end, passed - ledger.totals(topic).open_records)
        say(done, there)
        if done >= there:
            return
        if done != best:
            best, moved_at = done, time.monotonic()
        waited = time.monotonic() - moved_at
        ours = {str(contract.topic) for contract in contracts}
        rows = [row for row in states.rows() if row.topic in ours]
        halted = [row for row in rows if row.state == "halted"]
        if halted or waited > STREAM_PATIENCE_SECONDS:
            raise StalledError(_why(rows, waited), hint="weir streams; weir logs dagster-daemon")
        time.sleep(0.5)


def _end(broker: Broker, topic: TopicName) -> int:
    """Offsets of all partitions of a topic."""
    return sum(extent.high for extent in broker.extents(topic).values())


def _why(rows: list[StreamRow], waited: float) -> str:
    errors = "; ".join(f"{row.topic} is {row.state}: {row.error}" for row in rows if row.error)
    return f"the stream has published nothing for {waited:.0f} s. {errors}".strip()


def measure(settings: Settings, figures: Figures, *, gold: bool = True) -> None:
    """Count what landed where: broker, Delta tables, ledger, gold."""
    from platform_assets.gold.results import row_counts
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.plan import Broker

    broker, ledger = Broker(settings), Ledger(settings)
    for topic, contract in load_contracts().items():
        # From the last layer back to the first: under live data none has more than the one before.
        silver = silver_rows(settings, contract)
        quarantined = delta_rows(settings, topic.quarantine)
        bronze, totals = delta_rows(settings, topic.bronze), ledger.totals(topic)
        # What waits, beside what was taken: offsets alone count the markers of transactions, too.
        waiting = _end(broker, topic) - sum(ledger.progress(topic).next_offsets.values())
        figures.topics[str(topic)] = TopicFigures(
            events=totals.records + waiting,
            bronze_rows=bronze,
            silver_rows=silver,
            quarantined=quarantined,
            duplicates=totals.duplicates,
            dead_letters=totals.dead_letters,
            late=totals.late,
        )
    if gold:
        figures.gold = row_counts(settings)


def silver_rows(settings: Settings, contract: Contract) -> int:
    """Rows that a topic published: of a change topic those of its history."""
    topic = contract.topic
    return delta_rows(
        settings, topic.history if contract.kind is TopicKind.CHANGE else topic.silver
    )


def delta_rows(settings: Settings, table: TableName) -> int:
    """Rows of a Delta table, from its files' statistics; 0 where it is not there."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return int(DeltaTable(f"{settings.lake_root}/{table.path}").count())
    except TableNotFoundError:
        return 0
