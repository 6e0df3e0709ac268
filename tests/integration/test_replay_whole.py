"""Nothing is replaced by less: tables that lost rows are not taken for all there is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path

import pytest
from deltalake import DeltaTable

from platform_assets.core.settings import Settings
from platform_assets.streaming.whole import (
    ReplayError,
    ShortTableError,
    WholeTopics,
    require_published,
)
from tests import engine_rows as rows
from tests.integration.replays import Replays, changes, clicks, open_replays

BAD = rows.click(9, event_type="wave")
CLICKS = [*(rows.click(number) for number in range(6)), BAD, b"poison"]
CHANGES = [rows.change(number, number % 3 + 1, number) for number in range(8)]

PATHS: dict[str, Callable[[Replays], object]] = {
    "silver of a window": lambda topic: list(
        topic.processor().replay_silver(
            topic.contract, topic.ledger.batches(topic.topic, topic.window())
        )
    ),
    "one micro-batch": lambda topic: topic.replay([2]),
    "bronze of a window": lambda topic: topic.processor().replay_bronze(
        topic.contract, topic.window()
    ),
    "recovery": lambda topic: topic.processor().recover(
        topic.contract, topic.log.batches[1], topic.window()
    ),
}
LOSSES = {
    "all": "true",
    "a micro-batch": "_micro_batch = 2",
    "half of a micro-batch": "kafka_offset = 3",
}


def delete(topic: Replays, layer: str, predicate: str) -> None:
    table = {"bronze": topic.topic.bronze, "published": topic.contract.published_table}[layer]
    DeltaTable(f"{topic.settings.lake_root}/{table.path}").delete(predicate)


# Each path of both kinds of topic, each loss in turn.
CASES = list(zip(product(["append", "change"], PATHS), cycle(LOSSES)))


@pytest.mark.parametrize(("kind", "path", "loss"), [(*case, loss) for case, loss in CASES])
def test_what_bronze_lost_empties_no_table(
    settings: Settings, tmp_path: Path, kind: str, path: str, loss: str
) -> None:
    log = clicks(*CLICKS, sizes=[2, 3]) if kind == "append" else changes(*CHANGES, sizes=[2, 3])
    topic = open_replays(settings, tmp_path, log)
    topic.land()
    topic.gone = True
    delete(topic, "bronze", LOSSES[loss])
    before, counts, letters = topic.tables(), topic.counts(), topic.letters.sent
    with pytest.raises(ReplayError, match=r"of the .* records that the ledger has") as refused:
        PATHS[path](topic)
    assert "restore bronze" in refused.value.hint
    assert topic.tables() == before
    assert topic.counts() == counts
    assert topic.letters.sent == letters
    topic.assert_agrees()


def test_bronze_is_read_from_the_log_again_and_then_the_replay_works(
    settings: Settings, tmp_path: Path
) -> None:
    topic = open_replays(settings, tmp_path, clicks(*CLICKS, sizes=[2, 3]))
    topic.land()
    before = topic.tables()
    delete(topic, "bronze", "true")
    topic.processor().replay_bronze(topic.contract, topic.window())
    topic.replay([1, 2, 3])
    assert topic.tables() == before


def test_a_log_that_gives_fewer_records_does_not_shorten_bronze(
    settings: Settings, tmp_path: Path
) -> None:
    topic = open_replays(settings, tmp_path, clicks(*CLICKS, sizes=[2, 3]))
    topic.land()
    before = topic.tables()
    whole = topic.log.raw
    topic.log.raw = lambda batches: whole(batches).head(1)  # type: ignore[method-assign]
    assert topic.processor().replay_bronze(topic.contract, topic.window()) == len(CLICKS)
    assert topic.tables() == before


def test_what_bronze_still_holds_can_be_replayed_alone(settings: Settings, tmp_path: Path) -> None:
    topic = open_replays(settings, tmp_path, clicks(*CLICKS, sizes=[2, 3]))
    topic.land()
    topic.gone = True
    delete(topic, "bronze", "_micro_batch = 1")
    processor = topic.processor()
    batches = processor.ledger.batches_by_id(topic.topic, [1, 2, 3])
    assert [batch.id for batch in processor.replayable(topic.contract, batches)] == [2, 3]
    before = topic.tables()
    topic.replay([2, 3])
    assert topic.tables() == before


@pytest.mark.parametrize("kind", ["append", "change"])
def test_nothing_is_made_of_a_table_that_lost_rows(
    settings: Settings, tmp_path: Path, kind: str
) -> None:
    log = clicks(*CLICKS, sizes=[2, 3]) if kind == "append" else changes(*CHANGES, sizes=[2, 3])
    topic = open_replays(settings, tmp_path, log)
    require_published(topic.settings, [topic.contract])
    topic.land()
    require_published(topic.settings, [topic.contract])
    delete(topic, "published", "_micro_batch = 2")
    with pytest.raises(ShortTableError, match="3 are missing"):
        require_published(topic.settings, [topic.contract])
    contracts = {topic.topic: topic.contract}
    assert WholeTopics(topic.settings, contracts).short(contracts) == {topic.topic}
    topic.replay([2])
    require_published(topic.settings, [topic.contract])
    assert WholeTopics(topic.settings, contracts).short(contracts) == set()
