"""One micro-batch, exactly: take, record, bronze, check, publish; and the same again on replay."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import narwhals as nw

from platform_assets.contracts.model import BadRow, Contract
from platform_assets.core.commit_points import CommitPoint
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.engines.base import (
    Checked,
    Engine,
    Frame,
    MicroBatch,
    OffsetRange,
    Published,
    RangeGoneError,
    Taken,
)
from platform_assets.streaming.dead_letters import DeadLetters
from platform_assets.streaming.generations import TopicReplacedError
from platform_assets.streaming.intents import Intent
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.locks import writer_lock
from platform_assets.streaming.plan import Broker
from platform_assets.streaming.whole import ReplayError, require_whole
from platform_assets.streaming.windows import Windows

_DEAD_LETTERS = CommitPoint("dead letters")


class AuditError(WeirError):
    """A batch that must not be published: threshold passed, or its contract says ``fail``."""


@dataclass(frozen=True)
class Step:
    """What one micro-batch did, and the seconds it took: for logs and materialisations.

    ``recorded`` are its records by the ledger: what the counts of ``published`` must sum up to.
    """

    contract: Contract
    batch: MicroBatch
    window_key: str
    published: Published
    seconds: float
    recorded: int


@dataclass(frozen=True)
class Processor:
    """Runs micro-batches of one engine; everything it needs, given."""

    settings: Settings
    engine: Engine
    ledger: Ledger
    windows: Windows
    dead_letters: DeadLetters
    broker: Broker
    run_id: str

    def take(self, contract: Contract, ranges: Sequence[OffsetRange]) -> Taken:
        """Read what was planned, stopping early at the memory bound."""
        return self.engine.take(contract, ranges, self.settings.batch_max_bytes)

    def first(self, contract: Contract, batch: MicroBatch, taken: Taken) -> Step:
        """Record a new micro-batch in the ledger, then land and publish it."""
        started = time.monotonic()
        window = self.windows.current(contract, datetime.now(UTC))
        self.ledger.record(contract.topic, batch, window.key, self.run_id, taken.records)
        published = self._land(contract, batch, taken)
        seconds = time.monotonic() - started
        return Step(contract, batch, window.key, published, seconds, taken.records)

    def recover(
        self, contract: Contract, batch: MicroBatch, window_key: str, *, accept: bool = False
    ) -> Step | None:
        """Finish a recorded micro-batch after a crash: the same records, from the log or bronze.

        One of a bulk file that never landed is forgotten: its file is gone on with before it.

        Returns:
            What it did; None where it is forgotten.

        Raises:
            ReplayError: neither holds them.
        """
        started = time.monotonic()
        if batch.is_file and not self._landed(contract, batch):
            self.ledger.bulk.forget(contract.topic, batch.id)
            return None
        frame = self._reread_bronze(contract, [batch])
        published = self.publish(contract, [batch], frame, accept=accept, first=True)
        recorded = self.ledger.recorded(contract.topic, [batch.id])[batch.id]
        seconds = time.monotonic() - started
        return Step(contract, batch, window_key, published, seconds, recorded)

    def _landed(self, contract: Contract, batch: MicroBatch) -> bool:
        """Whether bronze has anything of a micro-batch, or there is nothing to have."""
        if not self.ledger.recorded(contract.topic, [batch.id])[batch.id]:
            return True
        return bool(self.engine.rows(contract, contract.topic.bronze, [batch.id])[batch.id])

    def _land(self, contract: Contract, batch: MicroBatch, taken: Taken) -> Published:
        frame = self.engine.decode(contract, [batch], taken)
        self._note_schemas(contract, batch, frame)
        with writer_lock(self.settings, contract.topic.bronze.sql):
            self.engine.write_bronze(contract, [batch], frame)
        return self.publish(contract, [batch], frame, first=True)

    def replay_bronze(self, contract: Contract, window_key: str) -> int:
        """Write a window's bronze rows again from its recorded offsets; returns the rows.

        Raises:
            UnknownWindowError: the window has no micro-batch.
            ReplayError: a range is gone from the log and bronze does not hold all of it;
                the rows stay as they were.
        """
        rows = 0
        for group in self._groups(self.ledger.batches(contract.topic, window_key)):
            self._reread_bronze(contract, group)
            rows += sum(self.ledger.recorded(contract.topic, _ids(group)).values())
        return rows

    def replayable(self, contract: Contract, batches: Sequence[MicroBatch]) -> list[MicroBatch]:
        """Those micro-batches of which bronze holds every record that they were taken with."""
        held = self.engine.rows(contract, contract.topic.bronze, _ids(batches))
        recorded = self.ledger.recorded(contract.topic, _ids(batches))
        return [batch for batch in batches if held[batch.id] == recorded[batch.id]]

    def preview(self, contract: Contract, batches: Sequence[MicroBatch]) -> tuple[int, int]:
        """Quarantined rows and dead letters that a replay of these would leave; writes nothing."""
        quarantined = dead = 0
        for group in self._groups(batches):
            checked = self.engine.check(contract, self.engine.read_bronze(contract, group))
            quarantined, dead = quarantined + checked.quarantined, dead + checked.dead_letters
        return quarantined, dead

    def replay_silver(
        self, contract: Contract, batches: Sequence[MicroBatch], *, accept: bool = False
    ) -> Iterator[Published]:
        """Publish recorded micro-batches again from bronze, a bounded group at a time.

        Args:
            contract: the contract as it is now.
            batches: which; in order.
            accept: publish even past the quarantine threshold.

        Raises:
            ReplayError: bronze does not hold all their records; nothing was replaced.
        """
        self._require_bronze(contract, _ids(batches))
        for group in self._groups(batches):
            frame = self.engine.read_bronze(contract, group)
            yield self.publish(contract, group, frame, accept=accept)

    def publish(
        self,
        contract: Contract,
        batches: Sequence[MicroBatch],
        bronze: Frame,
        *,
        accept: bool = False,
        first: bool = False,
    ) -> Published:
        """Write, audit, then publish: nothing reaches silver before its batch has passed.

        Then whatever that, or a process that died, left to do. All of it is in the ledger.

        Args:
            contract: the contract.
            batches: the span, in order.
            bronze: its bronze rows.
            accept: publish even past the quarantine threshold.
            first: they were not published yet; that they were taken is on record already.

        Raises:
            AuditError: too many rows broke rules, or one did and the contract says ``fail``.
            ReplayError: these are not all the records that the micro-batches were taken with.
        """
        checked = self.engine.check(contract, bronze)
        recorded = self.ledger.recorded(contract.topic, _ids(batches))
        require_whole(contract, checked.batches, recorded)
        if not accept:
            enforce_threshold(contract, checked, batches)
        if checked.dead_letters:
            with _DEAD_LETTERS:
                self.dead_letters.send(contract, batches, bronze)
        with writer_lock(self.settings, contract.topic.silver.sql):
            published = self._commit(contract, batches, checked, first=first)
        self.complete(contract)
        return published

    def complete(self, contract: Contract) -> None:
        """Publish again what earlier publications left to do, whichever process they ran in.

        A micro-batch that was never published is left to its stream run.

        Raises:
            ReplayError: neither the log nor bronze holds its records any more.
        """
        topic = contract.topic
        while todo := self.ledger.intent(topic).todo:
            opened = {item.batch.id for item in self.ledger.open_batches(topic)}
            batches = self.ledger.batches_by_id(topic, todo - opened)
            if not batches:
                return
            group = next(self._groups(batches))
            try:
                self._require_bronze(contract, _ids(group))
                frame = self.engine.read_bronze(contract, group)
            except ReplayError:
                frame = self._reread_bronze(contract, group)
            checked = self.engine.check(contract, frame)
            with writer_lock(self.settings, topic.silver.sql):
                # Somebody else may have been at it, perhaps under a newer contract.
                if self.ledger.intent(topic).todo.issuperset(_ids(group)):
                    self._commit(contract, group, checked, first=False)

    def _commit(
        self, contract: Contract, batches: Sequence[MicroBatch], checked: Checked, *, first: bool
    ) -> Published:
        """Commit the tables, then the ledger; what must follow a crash is recorded before."""
        topic, ids = contract.topic, frozenset(_ids(batches))

        def intend(published: Published) -> None:
            self._require_losers(contract, published, ids)
            if not first or published.displaced or published.redo:
                todo, others = ids | published.redo, frozenset(published.displaced)
                self.ledger.intend(topic, Intent(todo, others, frozenset(published.dates)))

        published = self.engine.publish(contract, batches, checked, intend)
        intent = self.ledger.intent(topic)
        table = contract.published_table
        rows = self.engine.rows(contract, table, intent.counted) if intent.counted else {}
        self.ledger.publish(topic, published, intent, rows)
        return published

    def _require_losers(
        self, contract: Contract, published: Published, ids: frozenset[int]
    ) -> None:
        """Bronze must hold the later micro-batches in which a freed key may be looked for.

        Raises:
            ReplayError: it does not, so a valid record could end up published nowhere.
        """
        if published.freed:
            after = self.ledger.batches_with_duplicates(contract.topic, min(ids))
            self._require_bronze(contract, set(after) - ids)

    def _require_bronze(self, contract: Contract, ids: Iterable[int], why: str = "") -> None:
        recorded = self.ledger.recorded(contract.topic, ids)
        if recorded:
            held = self.engine.rows(contract, contract.topic.bronze, recorded)
            require_whole(contract, held, recorded, why)

    def _reread_bronze(self, contract: Contract, batches: Sequence[MicroBatch]) -> Frame:
        if batches[0].is_file:
            # A bulk file is read once: from then on bronze is the record of its rows.
            self._require_bronze(contract, _ids(batches), "they are of a bulk file")
            return self.engine.read_bronze(contract, batches)
        ranges = [item for batch in batches for item in batch.ranges]
        recorded = self.ledger.recorded(contract.topic, _ids(batches))
        taken = None
        try:
            self._confirm_log(contract, batches)
            taken = self.engine.take(contract, joined(ranges), None, batches[0].schemas)
            self._confirm_log(contract, batches)  # what was read is of this topic, too
            why = f"the log gives {taken.records} of their records"
        except RangeGoneError as gone:
            taken, why = None, str(gone)
        if taken is None or taken.records != sum(recorded.values()):
            self._require_bronze(contract, recorded, why)
            return self.engine.read_bronze(contract, batches)
        frame = self.engine.decode(contract, batches, taken)
        with writer_lock(self.settings, contract.topic.bronze.sql):
            self.engine.write_bronze(contract, batches, frame)
        return frame

    def _note_schemas(self, contract: Contract, batch: MicroBatch, frame: Frame) -> None:
        """Keep what the schema ids of a new micro-batch's records mean, where they decoded.

        Before its bronze: whatever replays it finds them. An id whose records did not decode
        says nothing, perhaps its meaning before is the right one.
        """
        decoded = nw.from_native(frame).lazy().filter(nw.col("decode_error").is_null())
        found = decoded.select("schema_id").unique().collect()["schema_id"].to_list()
        schemas = {number: self.engine.schema_of(number) for number in found}
        known = {number: schema for number, schema in schemas.items() if schema is not None}
        self.ledger.schemas.note(contract.topic, batch.id, known)

    def _confirm_log(self, contract: Contract, batches: Sequence[MicroBatch]) -> None:
        """See that the log is the one that the batches were taken from.

        Raises:
            RangeGoneError: the topic was deleted and recreated, or its log was cut off, since.
        """
        topic = contract.topic
        newest = self.ledger.generation(topic)
        if any(batch.generation != newest.number for batch in batches):
            raise RangeGoneError(f"{topic} was recreated since, its log holds other records")
        try:
            newest.require(topic, self.broker.topic_id(topic))
        except TopicReplacedError as replaced:
            raise RangeGoneError(replaced.message) from replaced

    def _groups(self, batches: Sequence[MicroBatch]) -> Iterator[list[MicroBatch]]:
        """Split into groups that join without gap and hold at most a batch's bound of records."""
        group: list[MicroBatch] = []
        records = 0
        ends: dict[int, int] = {}
        for batch in batches:
            size = sum(item.offsets for item in batch.ranges)
            broken = group and (
                batch.id != group[-1].id + 1
                or batch.generation != group[-1].generation
                or batch.is_file != group[-1].is_file
                or batch.schemas != group[-1].schemas
                or any(ends.get(item.partition, item.start) != item.start for item in batch.ranges)
            )
            if group and (broken or records + size > self.settings.batch_max_records):
                yield group
                group, records, ends = [], 0, {}
            group.append(batch)
            records += size
            ends.update({item.partition: item.end for item in batch.ranges})
        if group:
            yield group


def _ids(batches: Sequence[MicroBatch]) -> list[int]:
    return [batch.id for batch in batches]


def joined(ranges: Sequence[OffsetRange]) -> list[OffsetRange]:
    """One range a Kafka partition, of ranges that follow one another without gap."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for item in ranges:
        starts[item.partition] = min(item.start, starts.get(item.partition, item.start))
        ends[item.partition] = max(item.end, ends.get(item.partition, item.end))
    return [OffsetRange(partition, starts[partition], ends[partition]) for partition in starts]


def enforce_threshold(contract: Contract, checked: Checked, batches: Sequence[MicroBatch]) -> None:
    """Hold a batch back whose share of rejected records is past its contract's threshold.

    Raises:
        AuditError: names the topic, the micro-batch, the share and the most broken rule.
    """
    rejected = checked.quarantined + checked.dead_letters
    if not rejected:
        return
    if contract.bad_row is BadRow.QUARANTINE and (
        checked.records < contract.threshold_min_records
        or rejected <= contract.quarantine_threshold * checked.records
    ):
        return
    frame = nw.from_native(checked.frame).lazy()
    worst = (
        frame.filter(~nw.col("_rule").is_null())
        .group_by("_rule")
        .agg(nw.len().alias("rows"))
        .sort("rows", descending=True)
        .head(1)
        .collect()
        .rows()
    )
    rule = f"; most broke rule {worst[0][0]!r} ({worst[0][1]} rows)" if worst else ""
    allowed = (
        "its contract says `badRows: fail`"
        if contract.bad_row is BadRow.FAIL
        else f"the contract allows {contract.quarantine_threshold:.0%}"
    )
    ids = ", ".join(str(batch.id) for batch in batches[:3])
    raise AuditError(
        f"{contract.topic} micro-batch {ids}: {rejected} of {checked.records} records rejected "
        f"({rejected / checked.records:.0%}), {allowed}{rule}; nothing was published",
        hint=f"fix the source or {contract.path}, then weir streams resume {contract.topic} "
        "(--accept publishes it as it is)",
    )
