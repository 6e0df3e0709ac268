"""A year in the hot path: sums by hour and day are made from those by minute, and read instead."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from platform_assets.core.databases import Database
from platform_assets.core.migrations import Revisions
from platform_assets.core.settings import Settings
from platform_assets.processors.hot import live, metrics
from platform_assets.processors.hot.metrics import By, Of
from platform_assets.processors.hot.revisions import REVISIONS
from platform_assets.processors.hot.rollups import ensure_months

KINDS = 4
"""Combinations of topic, language and sentiment."""
EVERY_MINUTES = 10
NOW = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)

_YEAR = f"""
INSERT INTO understood_minute
SELECT at, 'reviews', language, sentiment, 3, 1.5
FROM generate_series('2025-12-01 00:00+00'::timestamptz, '2026-11-29 23:30+00',
       interval '{EVERY_MINUTES} minutes') AS at,
  unnest(ARRAY['en', 'de']) AS language, unnest(ARRAY['positive', 'negative']) AS sentiment"""


@pytest.fixture(scope="module")
def year(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that had its year before there were sums by hour and day."""
    name = f"hot_{os.getpid()}_{random.randrange(10**6)}"
    folder = tmp_path_factory.mktemp("revisions")
    first = REVISIONS.folder / "v0001_understood.py"
    shutil.copy(first, folder)
    (folder / "__init__.py").touch()
    before = Database(settings, name, Revisions(REVISIONS.room, Path(folder)), connections=1)
    months = [date(2025, 12, 1), *(date(2026, n, 1) for n in range(1, 12))]
    before.prepare()
    ensure_months(before, months)
    with before.borrow() as connection:
        connection.execute(_YEAR.encode())
    before.close()
    # One connection: what a session has read, it tells at once only to itself.
    after = Database(settings, name, REVISIONS, connections=1)
    after.prepare()
    with after.borrow() as connection:
        connection.execute("ANALYZE")
    yield after
    after.close()
    with psycopg.connect(settings.postgres_dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name}".encode())


def rows_read(database: Database) -> int:
    """Rows that scans of the hot path's tables have read since they were made."""
    with database.borrow() as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(
            """SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables
                       WHERE relname LIKE 'understood%')
                 + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes
                    WHERE relname LIKE 'understood%')"""
        ).fetchone()
    return int(row[0]) if row else 0


def test_the_upgrade_sums_what_was_there(year: Database) -> None:
    with year.borrow() as connection:
        sums = [
            connection.execute(
                f"SELECT sum(texts), sum(intensity) FROM {table}".encode()
            ).fetchone()
            for table in ("understood_minute", "understood_hour", "understood_day")
        ]
        hours = connection.execute("SELECT count(*) FROM understood_hour").fetchone()
    assert sums[0] == sums[1] == sums[2]
    assert hours == (364 * 24 * KINDS,)


@pytest.mark.parametrize(
    ("by", "steps", "rows", "texts"),
    [
        # The last hour still runs: two of its ten minutes are to come.
        (By.MINUTE, 60, 6 * KINDS, 6 * KINDS * 3),
        (By.HOUR, 24, 24 * KINDS, (24 * 6 - 2) * KINDS * 3),
        (By.DAY, 364, 364 * KINDS, (364 * 144 - 2) * KINDS * 3),
    ],
)
def test_an_answer_reads_the_rows_that_it_sums(
    year: Database, by: By, steps: int, rows: int, texts: int
) -> None:
    end = metrics.question(Of.SENTIMENT, by, None, None, NOW).until
    since = end - steps * timedelta(minutes={By.MINUTE: 1, By.HOUR: 60, By.DAY: 1440}[by])
    asked = metrics.question(Of.SENTIMENT, by, since, None, NOW)
    before = rows_read(year)
    found = metrics.answer(year, asked, 10)
    read = rows_read(year) - before
    assert sum(row["texts"] for row in json.loads(found.body)["rows"]) == texts
    # The day's table is read whole; of the others nothing but the time asked for.
    assert read <= rows * (1 if by is By.DAY else 2)


def test_the_live_page_reads_an_hour_of_a_year(year: Database) -> None:
    before = rows_read(year)
    hour = live.last_hour(year, NOW)
    assert hour.texts == 6 * KINDS * 3
    assert rows_read(year) - before <= 2 * 6 * KINDS
