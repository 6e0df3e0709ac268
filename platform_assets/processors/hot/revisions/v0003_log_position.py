"""Where each row stands in the log of results, and how far gold has taken it in."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0003"
down_revision = "v0002"

_TABLES = """
-- Null: stored before there was the column.
ALTER TABLE understood ADD COLUMN log_partition integer, ADD COLUMN log_offset bigint;
CREATE INDEX understood_log ON understood (day, log_partition, log_offset);
-- A row a day and partition that has rows. What is up to gold_offset is in gold since so long that
-- every query that runs sees it there; -1: nothing.
CREATE TABLE understood_taken (
    day           date NOT NULL,
    log_partition integer NOT NULL,
    gold_offset   bigint NOT NULL DEFAULT -1,
    PRIMARY KEY (day, log_partition)
);
-- What gold may lack. It bounds what is read; which rows gold lacks, gold itself says.
CREATE VIEW understood_tail AS
SELECT taken.day, taken.log_partition, one.log_offset, one.hour, one.source_topic, one.language,
  one.sentiment, one.intensity
FROM understood_taken AS taken CROSS JOIN LATERAL (
  -- OFFSET 0: day by day from the index, not all days joined.
  SELECT log_offset, date_trunc('hour', occurred_at, 'UTC') AS hour, source_topic, language,
    coalesce(sentiment, 'unknown') AS sentiment, coalesce(intensity, 0) AS intensity
  FROM understood
  WHERE day = taken.day AND log_partition = taken.log_partition AND log_offset > taken.gold_offset
  OFFSET 0) AS one;
"""


def upgrade() -> None:
    """Add the columns and make the table and the view."""
    run_sql(_TABLES)
