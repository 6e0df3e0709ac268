"""Sums by hour and by day beside those by minute: a year is read from a few thousand rows.

Also how often a processor's lag was another than before.

Where PostgreSQL has TimescaleDB loaded, the sums are hypertables, those by minute included; else
they are partitioned by month, by declaration.
"""

from __future__ import annotations

from typing import Any

import psycopg

from platform_assets.core.migrations import run_sql

revision = "v0002"
down_revision = "v0001"

_COLUMNS = """
    source_topic text NOT NULL,
    language     text NOT NULL,
    sentiment    text NOT NULL,                -- unknown: no model could tell
    texts        bigint NOT NULL,
    intensity    double precision NOT NULL,    -- sum
"""

_MONTHS = """
DO $$
DECLARE
    part text;
    month date;
    table_name text;
BEGIN
    FOR part IN SELECT inhrelid::regclass::text FROM pg_inherits
                WHERE inhparent = 'understood_minute'::regclass LOOP
        month := to_date(right(part, 7), 'YYYY_MM');
        FOREACH table_name IN ARRAY ARRAY['understood_hour', 'understood_day'] LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                table_name || '_' || right(part, 7), table_name,
                month || ' 00:00:00+00', (month + interval '1 month')::date || ' 00:00:00+00');
        END LOOP;
    END LOOP;
END $$;
"""

_HYPERTABLES = """
CREATE EXTENSION IF NOT EXISTS timescaledb;
ALTER TABLE understood_minute RENAME TO understood_minute_before;
CREATE TABLE understood_minute (LIKE understood_minute_before INCLUDING DEFAULTS,
    PRIMARY KEY (minute, source_topic, language, sentiment));
SELECT create_hypertable('understood_minute', 'minute', chunk_time_interval => interval '1 month');
SELECT create_hypertable('understood_hour', 'hour', chunk_time_interval => interval '1 month');
SELECT create_hypertable('understood_day', 'day', chunk_time_interval => interval '1 month');
INSERT INTO understood_minute SELECT * FROM understood_minute_before;
DROP TABLE understood_minute_before;
"""

_FILL = """
INSERT INTO understood_hour
SELECT date_trunc('hour', minute, 'UTC'), source_topic, language, sentiment, sum(texts),
  sum(intensity) FROM understood_minute GROUP BY 1, 2, 3, 4;
INSERT INTO understood_day
SELECT date_trunc('day', hour, 'UTC'), source_topic, language, sentiment, sum(texts),
  sum(intensity) FROM understood_hour GROUP BY 1, 2, 3, 4;
"""


def upgrade() -> None:
    """Make the tables, and fill them from the sums by minute."""
    from alembic import op

    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - our own, as in run_sql
    hyper = timescale_is_loaded(driver)
    for column in ("hour", "day"):
        key = f"PRIMARY KEY ({column}, source_topic, language, sentiment)"
        kind = "" if hyper else f" PARTITION BY RANGE ({column})"
        head = f"CREATE TABLE understood_{column} ({column} timestamptz NOT NULL,"
        run_sql(f"{head}{_COLUMNS}{key}){kind};")
    run_sql(_HYPERTABLES if hyper else _MONTHS)
    run_sql(_FILL)
    run_sql("ALTER TABLE processor_state ADD COLUMN lag_changes bigint NOT NULL DEFAULT 0")


def timescale_is_loaded(connection: psycopg.Connection[Any]) -> bool:
    """Whether this PostgreSQL can have hypertables.

    Loaded, not merely installed: making the extension without its library ends the session.
    """
    row = connection.execute(
        "SELECT current_setting('shared_preload_libraries') ~ '\\ytimescaledb\\y'"
    ).fetchone()
    return bool(row and row[0])
