"""A process that dies at any commit leaves nothing that a restart does not finish.

The commits are asked from the code: a new one is tried in every scenario without a change here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from platform_assets.connectors.seam.bulk import BulkFiles, HandedOver
from platform_assets.connectors.seam.reader import BulkFile, Page, Slice
from platform_assets.contracts.model import BadRow
from platform_assets.core import commit_points
from platform_assets.core.settings import Settings
from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.streaming.bulk import LOOK_SECONDS, BulkLog, BulkSlice, _Open, land
from platform_assets.streaming.faults import halt_of
from platform_assets.streaming.microbatch import AuditError
from tests import engine_rows as rows
from tests.integration.replays import Replays, changes, clicks, open_replays

FEWER = tuple(rule for rule in rows.CLICKS.rules if rule.check != "one_of")
FEWER_OF_CHANGES = tuple(rule for rule in rows.CUSTOMERS.rules if rule.column != "name")
WAVE = rows.click(1, event_type="wave", user=7)
CLICKS = [WAVE, rows.click(2), b"poison", rows.click(1, user=8), rows.click(1, user=9)]
NAMELESS = rows.change(1, 7, 30, "d")
NAMELESS["before"] = {**NAMELESS["before"], "name": None}
CHANGES = [
    NAMELESS, rows.change(2, 7, 10, name="B"), rows.change(1, 7, 20, name="C"),
    rows.change(3, 8, 0, "c"), rows.change(1, 8, 5, name="D"),
]  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """What is there first, what is done until the process dies, and with which log."""

    log: Callable[[], rows.Log]
    before: Callable[[Replays], object]
    act: Callable[[Replays], object]
    rest: Callable[[Replays], object] = Replays.land_rest


def clickstream() -> rows.Log:
    return clicks(*CLICKS, sizes=[2, 2])


def customers() -> rows.Log:
    return changes(*CHANGES, sizes=[2, 2])


def wider(topic: Replays) -> None:
    """The contract accepts the first record of a key: later ones must yield."""
    append = topic.contract.event_time == rows.CLICKS.event_time
    topic.change_contract(rules=FEWER if append else FEWER_OF_CHANGES)


def landed_wide(topic: Replays) -> None:
    """All landed while the contract was wide, then it is narrow again: a key comes free."""
    rules = topic.contract.rules
    wider(topic)
    topic.land()
    topic.change_contract(rules=rules)


def landed_then_wider(topic: Replays) -> None:
    topic.land()
    wider(topic)


def halt(topic: Replays) -> None:
    """A micro-batch is refused, as the stream's loop records it, and then accepted."""
    topic.change_contract(bad_row=BadRow.FAIL)
    try:
        topic.land()
    except AuditError as error:
        held = halt_of(error, topic.log.batches[0])
        topic.ledger.fail(topic.topic, held, str(error), "fingerprint")
    finally:
        topic.change_contract(bad_row=BadRow.QUARANTINE)


class FileInMemory(BulkLog):
    """The same records again, as a bulk file of slices of two."""

    log: rows.Log

    def _begin(self, file: HandedOver, record: int) -> Any:
        values = self.log.values[0]
        self.files.position(file, record)

        def slices() -> Generator[BulkSlice]:
            for start in range(record, len(values) + 1, 2):
                covered = OffsetRange(file.partition, start, min(start + 2, len(values) + 1))
                log = rows.Log(self.contract, {file.partition: [None, *values]}, [])
                taken = log.raw([MicroBatch(0, (covered,))])
                table = taken.to_arrow()
                end = Slice(Page(table, None), table["kafka_offset"], start, covered.end, {})
                yield BulkSlice(file, covered, taken, (), end)

        reader: Any = closing(nullcontext())
        reader.close = lambda: None
        return _Open(file, reader, slices(), record)


def take_a_file(topic: Replays) -> None:
    """A source hands a file over, and the stream takes it."""
    with closing(BulkFiles(topic.settings)) as files:
        file = BulkFile("a.csv", 1, {})
        number = files.intend(str(topic.topic), "test", topic.topic.entity, file)
        CURSORS[topic.topic.entity] = number  # committed in Kafka
        files.settle("test", topic.topic.entity, number)
    take_files(topic)


CURSORS: dict[str, int] = {}


def take_files(topic: Replays) -> None:
    """What the next processes do: the source settles, the stream takes what is open."""
    entity = topic.topic.entity
    if entity not in CURSORS:
        take_a_file(topic)
        return
    processor = topic.processor()
    processor.engine.ensure_tables(topic.contract)
    with closing(BulkFiles(topic.settings)) as files:
        files.settle("test", entity, CURSORS[entity])
        bulk = FileInMemory(topic.settings, topic.contract, topic.ledger, files)
        bulk.log = topic.log
        try:
            while files.next_open(str(topic.topic)) is not None:
                bulk._looked = -LOOK_SECONDS
                if (found := bulk.next()) is not None:
                    land(processor, bulk, found, topic.ledger.progress(topic.topic))
        finally:
            bulk.close()


class Died(BaseException):
    """The process ends here: nothing that handles errors sees it."""


def restart(topic: Replays) -> None:
    """What the stream's loop does first."""
    processor = topic.processor()
    processor.engine.ensure_tables(topic.contract)
    for item in processor.ledger.open_batches(topic.topic):
        processor.recover(topic.contract, item.batch, item.window_key, accept=True)
    processor.complete(topic.contract)


def die_in_a_file(topic: Replays) -> None:
    """The process dies when the first slice is on record and nothing of it is in a table."""

    def die(reached: str) -> None:
        if reached == "after the ledger's record of a micro-batch":
            raise Died(reached)

    with suppress(Died), commit_points.watching(die):
        take_a_file(topic)


SCENARIOS = {
    "a topic's first records": Scenario(clickstream, lambda _: None, Replays.land),
    "a change topic's first records": Scenario(customers, lambda _: None, Replays.land),
    "a row displaces another": Scenario(
        clickstream, landed_then_wider, lambda topic: topic.replay([1])
    ),
    "a key comes free": Scenario(clickstream, landed_wide, lambda topic: topic.replay([1])),
    "a change displaces another": Scenario(
        customers, landed_then_wider, lambda topic: topic.replay([1])
    ),
    "an event id comes free": Scenario(customers, landed_wide, lambda topic: topic.replay([1])),
    "bronze is written again": Scenario(
        clickstream,
        Replays.land,
        lambda topic: topic.processor().replay_bronze(topic.contract, topic.window()),
    ),
    "a halt": Scenario(clickstream, lambda _: None, halt),
    "a bulk file": Scenario(clickstream, lambda _: None, take_a_file, take_files),
    "a bulk file's slice that never landed": Scenario(
        clickstream, die_in_a_file, restart, take_files
    ),
}


def reached(scenario: Scenario, settings: Settings, root: Path) -> tuple[Counter[str], Replays]:
    """The moments of an undisturbed run, and what it leaves."""
    topic = open_replays(settings, root, scenario.log())
    scenario.before(topic)
    seen: Counter[str] = Counter()
    with commit_points.watching(lambda moment: seen.update([moment])):
        scenario.act(topic)
    restart(topic)
    scenario.rest(topic)
    return seen, topic


ALL_SEEN: dict[str, set[str]] = {}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_at_any_commit_is_as_if_it_had_not_been(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    scenario = SCENARIOS[name]
    seen, calm = reached(scenario, settings, tmp_path / "calm")
    calm.assert_agrees()
    ALL_SEEN[name] = set(seen)
    # Before a commit is after the one that came before it, but for the very first.
    moments = [one for one in seen if one.startswith("after") or one == next(iter(seen))]
    for moment in moments:
        times = seen[moment]
        for turn in {1, times}:
            place = tmp_path / f"{moment} {turn}".replace(" ", "_")
            topic = open_replays(settings, place, scenario.log())
            scenario.before(topic)
            untouched = (topic.tables(), topic.counts()) if topic.counts() else None
            if scenario.rest is take_files:
                untouched = None  # a hand-over that is not whole leaves no trace in tables
            left = [turn]

            def die(reached: str, moment: str = moment, left: list[int] = left) -> None:
                left[0] -= reached == moment
                if not left[0]:
                    left[0] = -1
                    raise Died(moment)

            with pytest.raises(Died), commit_points.watching(die):
                scenario.act(topic)
            told = topic.changed_dates()
            restart(topic)
            topic.assert_agrees()
            where = f"{name}, died {moment} ({turn})"
            now = topic.comparable()
            if untouched is None or (topic.tables(), topic.counts()) != untouched:
                # Begun: the restart has finished it, and nobody needs to do it again.
                scenario.rest(topic)
                now = topic.comparable()
                assert now == calm.comparable(), where
                assert topic.changed_dates() >= calm.changed_dates() >= told, where
            scenario.act(topic) if name != "a halt" and untouched else None
            assert topic.comparable() == calm.comparable(), where
            topic.assert_agrees()


def test_every_commit_of_the_code_was_tried() -> None:
    if ALL_SEEN.keys() != SCENARIOS.keys():
        pytest.skip("asks what all scenarios reached, and not all of them ran here")
    assert set(commit_points.registered()) == set().union(*ALL_SEEN.values())


KILLED = """
import os, signal, sys
from pathlib import Path
from platform_assets.core import commit_points
from platform_assets.core.settings import get_settings
from tests.integration import test_replay_crashes as crashes
from tests.integration.replays import Replays

moment, root, entity = sys.argv[1:]
log = crashes.clickstream()
log.contract = crashes.named(log.contract, entity)
topic = Replays(get_settings().model_copy(update={"lake_root": root}), log)
crashes.landed_then_wider(topic)
def die(reached):
    if reached == moment:
        os.kill(os.getpid(), signal.SIGKILL)
with commit_points.watching(die):
    topic.replay([1])
"""


def named(contract: rows.Contract, entity: str) -> rows.Contract:
    """The contract under another topic's name."""
    return replace(contract, topic=rows.TopicName("test", entity))


@pytest.mark.parametrize("moment", ["after rows of silver", "before the ledger's counts"])
def test_a_replay_killed_for_real_is_finished_by_the_next_process(
    settings: Settings, tmp_path: Path, moment: str
) -> None:
    topic = open_replays(settings, tmp_path, clickstream())
    arguments = [moment, str(tmp_path), topic.topic.entity]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env=dict(os.environ), timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL
    wider(topic)
    restart(topic)
    topic.assert_agrees()
    held = topic.rows(topic.topic.silver).filter(event_id="e1")
    assert held["user_id"].to_list() == [7]
