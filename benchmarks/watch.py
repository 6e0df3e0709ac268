"""Watching silver and gold from outside, cheaply, while they are being written.

Belongs here: noting when commits appear, and the latencies that follow. Does not belong here:
making load, starting servers (:mod:`.freshness`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import polars as pl
import psycopg
from deltalake import DeltaTable

from platform_assets.contracts.model import Contract
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, execute

SILVER_EVERY = 0.025
GOLD_EVERY = 0.05
_GOLD = "gold.commerce.revenue_per_hour"
_CLICKSTREAM = "commerce.clickstream"


@dataclass
class _Log:
    """One table's Delta log and when its commits appeared."""

    contract: Contract
    folder: Path
    version: int
    seen: dict[int, float] = field(default_factory=dict)

    def look(self) -> None:
        """Note the moment of every new commit."""
        while self._commit(self.version + 1).exists():
            self.version += 1
            self.seen[self.version] = time.time()

    def _commit(self, version: int) -> Path:
        return self.folder / "_delta_log" / f"{version:020}.json"

    def rows(self) -> pl.DataFrame:
        """Rows of the commits seen: topic, place in the log, event time, moment, purchase."""
        frames = []
        for version, moment in self.seen.items():
            actions = [json.loads(line) for line in self._commit(version).read_text().splitlines()]
            frames += [
                self._file(self.folder / unquote(action["add"]["path"]), version, moment)
                for action in actions
                if "add" in action and action["add"]["dataChange"]
            ]
        return pl.concat(frames) if frames else pl.DataFrame()

    def _file(self, path: Path, version: int, moment: float) -> pl.DataFrame:
        is_purchase = (
            pl.col("event_type") == "purchase"
            if str(self.contract.topic) == _CLICKSTREAM
            else pl.lit(value=False)
        )
        return (
            pl.scan_parquet(path, hive_partitioning=False)
            .select(
                pl.lit(str(self.contract.topic)).alias("topic"),
                "_kafka_partition",
                "_kafka_offset",
                (pl.col(self.contract.event_time).dt.epoch("us") / 1e6).alias("at"),
                pl.lit(moment).alias("seen"),
                pl.lit(version).alias("version"),
                is_purchase.alias("purchase"),
            )
            .collect()
        )


class SilverWatch:
    """Notes the moments of commits to silver; reads their rows only when asked, afterwards.

    Of a change topic it is the history, whose commit is the later one.
    """

    def __init__(self, settings: Settings, contracts: Sequence[Contract]) -> None:
        folders = {item: settings.lake / item.published_table.path for item in contracts}
        self._logs = [
            _Log(contract, folder, DeltaTable(str(folder)).version())
            for contract, folder in folders.items()
        ]

    def run(self, stop: threading.Event) -> None:
        """Look until stopped."""
        while not stop.wait(SILVER_EVERY):
            for log in self._logs:
                log.look()

    def rows(self) -> pl.DataFrame:
        """Every row once, with the moment at which it was there first."""
        rows = pl.concat([part for log in self._logs if len(part := log.rows())])
        return rows.sort("seen").unique(
            ["topic", "_kafka_partition", "_kafka_offset"], keep="first", maintain_order=True
        )


class GoldWatch:
    """Notes how many purchases Trino counts, whenever the gold table has a new snapshot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.base = 0
        self.answers: list[tuple[float, int]] = []

    def ready(self) -> bool:
        """Whether gold counts all that silver holds now; remembers that number."""
        silver = pl.scan_delta(str(self._settings.lake / "silver" / "commerce" / "clickstream"))
        wanted = silver.filter(pl.col("event_type") == "purchase").select(pl.len()).collect().item()
        try:
            self.base = self.purchases()
        except TrinoQueryError:
            return False
        return self.base == int(wanted)

    def purchases(self) -> int:
        """All purchases in gold, asked of Trino."""
        result = execute(self._settings, f"SELECT coalesce(sum(purchases), 0) FROM {_GOLD}")
        return int(result.rows[0][0])

    def run(self, stop: threading.Event) -> None:
        """Look until stopped; Trino is asked only when the table has changed."""
        known = ""
        dsn = self._settings.postgres_dsn("iceberg")
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            while not stop.wait(GOLD_EVERY):
                row = connection.execute(
                    "SELECT metadata_location FROM iceberg_tables"
                    " WHERE table_namespace = 'commerce' AND table_name = 'revenue_per_hour'"
                ).fetchone()
                if row is not None and row[0] != known:
                    known = row[0]
                    count = self.purchases() - self.base
                    self.answers.append((time.time(), count))


def latencies(
    rows: pl.DataFrame, answers: Sequence[tuple[float, int]], begun: float, ended: float
) -> tuple[pl.DataFrame, pl.Series]:
    """Latencies of rows whose event time lies within the measured span.

    Args:
        rows: of :meth:`SilverWatch.rows`.
        answers: moments and purchases counted since the watch began, of gold.
        begun: start of the span, seconds since 1970.
        ended: its end.

    Returns:
        Silver's rows with ``latency``, and the latencies of purchases in gold.

    Raises:
        ValueError: purchases of the span never came to gold.
    """
    inside = pl.col("at").is_between(begun, ended)
    silver = rows.filter(inside).with_columns((pl.col("seen") - pl.col("at")).alias("latency"))
    bought = rows.filter("purchase").sort("seen", maintain_order=True)
    # A commit is visible as a whole: each of its purchases when gold counts all of them.
    bought = (
        bought.with_row_index("rank", offset=1)
        .with_columns(pl.col("rank").max().over("version"))
        .filter(inside)
    )
    moments = np.array([moment for moment, _ in answers])
    counted = np.maximum.accumulate(np.array([count for _, count in answers], dtype=np.int64))
    place = np.searchsorted(counted, bought["rank"].to_numpy(), side="left")
    if (place >= len(counted)).any():
        raise ValueError(
            f"{int((place >= len(counted)).sum())} purchases of the measured span never came to "
            f"{_GOLD}; see the fresh_gold run's log"
        )
    return silver, pl.Series("gold", moments[place]) - bought["at"]
