"""A lake with gold built on it, on the session's Trino.

Belongs here: making it and asking it. Does not belong here: rows (gold_rows.py), tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.core.trino import execute
from platform_assets.gold.bootstrap import bootstrap
from platform_assets.gold.fresh import FreshGold
from platform_assets.gold.results import tables
from tests.integration import gold_rows

CLICKS = TopicName("commerce", "clickstream")
SIZES = {str(CLICKS): 1500, "commerce.customers": 30}


class Lake:
    """A lake of its own in the session's Trino."""

    def __init__(self, settings) -> None:
        self.settings = settings
        self.root = Path(settings.lake_root)
        self.contracts = load_contracts()
        self.frames: dict[TopicName, pl.DataFrame] = {}

    def put(self, topic: TopicName, data: pl.DataFrame) -> None:
        self.frames[topic] = data
        gold_rows.write(self.root, topic.silver, data)

    def query(self, sql: str, user: str = "weir"):
        return execute(self.settings, sql, user).rows

    def mart(self, name: str, like: pl.DataFrame) -> pl.DataFrame:
        columns = ", ".join(like.columns)
        found = self.query(f"select {columns} from gold.commerce.{name}")
        return pl.DataFrame(found, schema=like.schema, orient="row")

    def forget(self) -> None:
        for name in tables(self.settings):
            self.query(f"drop table gold.{name}")
        for layer in ("bronze", "silver"):
            for schema, table, kind in self.query(
                "select table_schema, table_name, table_type "
                f"from {layer}.information_schema.tables"
                " where table_schema <> 'information_schema'"
            ):
                if kind == "VIEW":
                    self.query(f"drop view {layer}.{schema}.{table}")
                else:
                    self.query(f"call {layer}.system.unregister_table('{schema}', '{table}')")


@contextmanager
def built(settings: Settings, root: Path) -> Iterator[tuple[Lake, FreshGold]]:
    """Silver and bronze tables of every topic, registered; gold built once."""
    made = Lake(settings.model_copy(update={"lake_root": str(root)}))
    bootstrap(made.settings)
    made.forget()
    for topic, contract in made.contracts.items():
        values = gold_rows.rows(contract, SIZES.get(str(topic), 400))
        made.put(topic, gold_rows.frame(contract, values))
        raw = (
            made.frames[topic]
            .head(3)
            .with_columns(
                pl.lit(b"secret").alias("kafka_value"), pl.lit(b"secret").alias("kafka_key")
            )
        )
        gold_rows.write(made.root, topic.bronze, raw)
    bootstrap(made.settings)
    fresh = FreshGold(made.settings, compact_every=2)
    fresh.full()
    try:
        yield made, fresh
    finally:
        fresh.close()
        made.forget()
