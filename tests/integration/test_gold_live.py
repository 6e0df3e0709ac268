"""Gold with the newest minutes, on a real Trino: at every moment each text counts once."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.gold.fresh import FreshGold
from platform_assets.gold.live import MODEL, VIEW, LiveView
from platform_assets.processors.hot.store import HotStore
from tests.integration import gold_rows
from tests.integration.gold_lake import Lake
from tests.integration.speed import hot_rows

TOPIC = TopicName("processed", "feedback")
PARTITIONS = (71, 72)
"""Of the log; no other test's rows stand there."""


@dataclass(frozen=True)
class Text:
    """A result in the log."""

    partition: int
    offset: int
    at: datetime
    language: str
    sentiment: str | None

    @property
    def counted(self) -> tuple[Any, ...]:
        hour = self.at.replace(minute=0, second=0, microsecond=0)
        return (hour, self.language, self.sentiment or "unknown")


class Layers:
    """Silver, gold and the hot path over one log, each as far as a test lets it come."""

    def __init__(self, lake: Lake, gold: FreshGold, settings: Settings) -> None:
        self.lake, self._gold, self.store = lake, gold, HotStore(settings)
        self.source = f"t.{uuid.uuid4().hex[:8]}"
        self._contract = lake.contracts[TOPIC]
        self._others = lake.frames[TOPIC]
        dice = random.Random(7)
        begin = gold_rows.FIRST + timedelta(hours=20)
        self.log = [
            Text(
                partition,
                offset,
                # Over midnight, out of order.
                begin + timedelta(minutes=dice.randrange(480)),
                dice.choice(["en", "de"]),
                dice.choice(["positive", "negative", None]),
            )
            for partition in PARTITIONS
            for offset in range(60)
        ]
        self.in_silver: list[Text] = []
        self.in_gold: set[Text] = set()
        self.in_hot: set[Text] = set()

    def silver(self, *ends: int) -> None:
        """Silver takes each partition up to an offset."""
        self.in_silver = self._up_to(*ends)
        rows = [
            {
                **gold_rows.rows(self._contract, 1)[0], "event_id": f"{one.partition}-{one.offset}",
                "source_topic": self.source, "language": one.language, "sentiment": one.sentiment,
                "intensity": 0.5 if one.sentiment else None, "timestamp": one.at,
            }
            for one in self.in_silver
        ]  # fmt: skip
        frame = gold_rows.frame(self._contract, rows).with_columns(
            pl.Series("_kafka_partition", [one.partition for one in self.in_silver], pl.Int32),
            pl.Series("_kafka_offset", [one.offset for one in self.in_silver], pl.Int64),
        )
        gold_rows.write(self.lake.root, TOPIC.silver, pl.concat([self._others, frame]))

    def gold(self, *days: int) -> None:
        """Gold takes some of the dates in, as a step does."""
        dates = {gold_rows.FIRST.date() + timedelta(days=day) for day in days}
        self._gold.step({TOPIC.slug: dates})
        kept = {one for one in self.in_gold if one.at.date() not in dates}
        self.in_gold = kept | {one for one in self.in_silver if one.at.date() in dates}

    def hot(self, *ends: int) -> None:
        """The hot path takes each partition up to an offset."""
        new = [one for one in self._up_to(*ends) if one not in self.in_hot]
        frames = [
            hot_rows(
                self.source, event_id=f"{self.source}-{one.partition}-{one.offset}",
                day=one.at.date(), occurred_at=one.at, language=one.language,
                log_partition=one.partition, log_offset=one.offset,
            ).with_columns(
                pl.lit(one.sentiment, pl.String).alias("sentiment"),
                pl.lit(0.5 if one.sentiment else None, pl.Float64).alias("intensity"),
            )
            for one in new
        ]  # fmt: skip
        before = self.store.positions(self.source)
        self.store.add(self.source, before, {0: before.get(0, 0) + 1}, pl.concat(frames))
        self.in_hot.update(new)

    def check(self, user: str = "weir") -> None:
        """The view has every text that gold or the hot path has, once."""
        found = self.lake.query(
            f"""select hour, language, sentiment, texts, intensity, texts_not_in_gold
                from {VIEW.sql} where source_topic = '{self.source}'""",
            user,
        )
        wanted = Counter(one.counted for one in self.in_gold | self.in_hot)
        assert {tuple(row[:3]): row[3] for row in found} == wanted
        felt = sum(0.5 for one in self.in_gold | self.in_hot if one.sentiment)
        assert sum(row[4] for row in found) == pytest.approx(felt)
        assert sum(row[5] for row in found) == len(self.in_hot - self.in_gold)

    def _up_to(self, *ends: int) -> list[Text]:
        bounds = dict(zip(PARTITIONS, ends, strict=True))
        return [one for one in self.log if one.offset < bounds[one.partition]]


@pytest.fixture
def layers(lake: Lake, gold: FreshGold, trino_stack: Settings) -> Iterator[Layers]:
    made = Layers(lake, gold, trino_stack)
    yield made
    lake.query(f"drop view {VIEW.sql}")
    lake.put(TOPIC, made._others)
    made.gold(0, 1)
    with made.store.database.borrow() as connection:
        connection.execute("DELETE FROM understood WHERE source_topic = %s", (made.source,))
    made.store.close()


def test_gold_and_the_newest_minutes_are_all_texts_once(layers: Layers) -> None:
    live = LiveView(layers.lake.settings)
    live.follow(["sessions"])  # not of these models: nothing is asked of Trino
    layers.hot(10, 0)
    live.follow([MODEL.entity])
    layers.check()
    layers.hot(30, 25)
    layers.silver(20, 25)
    layers.check()
    layers.gold(0, 1)
    layers.check()
    # One date is taken in, the other waits; a partition is ahead of the hot path.
    layers.silver(40, 28)
    layers.gold(1)
    layers.check()
    layers.hot(60, 60)
    layers.check("analyst")
    # What gold surely has is left out at the source: as much is counted.
    assert live.note_taken(minutes=0) >= 2 * len(PARTITIONS)
    layers.check()
    with layers.store.database.borrow() as connection:
        row = connection.execute(
            "SELECT count(*) FROM understood_tail WHERE source_topic = %s", (layers.source,)
        ).fetchone()
    assert row == (len(layers.in_hot - layers.in_gold),)
    layers.silver(60, 60)
    layers.gold(0, 1)
    layers.check()
