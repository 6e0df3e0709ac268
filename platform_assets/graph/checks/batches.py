"""The whole suite on a micro-batch, where it costs under a tenth of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.graph.checks.silver import window_suite_result
from platform_assets.quality.budget import KEEP, SuiteBudget
from platform_assets.streaming.ledger_database import ledger_database, retry_connection

if TYPE_CHECKING:
    from dagster import AssetCheckResult

    from platform_assets.streaming.microbatch import Step

RELOAD_SECONDS = 60.0


class SuiteTimings:
    """What suites cost: one row a run, the newest few kept for each topic."""

    def __init__(self, settings: Settings) -> None:
        self._database = ledger_database(settings)
        self._database.prepare()

    @retry_connection
    def record(self, topic: TopicName, rows: int, seconds: float) -> None:
        """Remember one run of a topic's suite, forget the oldest."""
        with self._database.borrow() as connection, connection.transaction():
            connection.execute(
                "INSERT INTO suite_timing (topic, rows, seconds) VALUES (%s, %s, %s)",
                (str(topic), rows, seconds),
            )
            connection.execute(
                """DELETE FROM suite_timing WHERE topic = %s AND id <= (SELECT id FROM suite_timing
                   WHERE topic = %s ORDER BY id DESC OFFSET %s LIMIT 1)""",
                (str(topic), str(topic), KEEP),
            )

    @retry_connection
    def budget(self, topic: TopicName) -> SuiteBudget:
        """The budget that follows from what is remembered."""
        budget = SuiteBudget()
        with self._database.borrow() as connection:
            for rows, seconds in connection.execute(
                "SELECT rows, seconds FROM suite_timing WHERE topic = %s ORDER BY id",
                (str(topic),),
            ):
                budget.record(rows, seconds)
        return budget


class BatchSuites:
    """Runs the suite on micro-batches that it fits into."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timings = SuiteTimings(settings)
        self._budgets: dict[TopicName, tuple[float, SuiteBudget]] = {}

    def check(self, step: Step) -> AssetCheckResult | None:
        """The suite's result on a micro-batch, or None where it costs too much to run."""
        topic = step.contract.topic
        rows = sum(counts.published for counts in step.published.counts.values())
        if not rows or not self._budget(topic).fits(rows, step.seconds):
            return None
        started = time.monotonic()
        result = window_suite_result(
            step.contract,
            self._settings.lake_root,
            step.batch.id,
            step.batch.id,
            self._settings.home,
        )
        self._timings.record(topic, rows, time.monotonic() - started)
        return result

    def _budget(self, topic: TopicName) -> SuiteBudget:
        read, budget = self._budgets.get(topic, (-RELOAD_SECONDS, SuiteBudget()))
        if time.monotonic() - read >= RELOAD_SECONDS:
            budget = self._timings.budget(topic)
            self._budgets[topic] = (time.monotonic(), budget)
        return budget
