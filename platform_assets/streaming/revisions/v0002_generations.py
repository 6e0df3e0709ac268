"""Kafka's id of each topic, and which making of the topic a recorded range belongs to."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0002"
down_revision = "v0001"

_TABLES = """
-- A topic that is deleted and recreated has other records at the same offsets: a generation.
CREATE TABLE topic_generation (
    topic       text NOT NULL,
    generation  integer NOT NULL,
    topic_id    text NOT NULL,                -- Kafka's, never given twice
    started_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, generation)
);
ALTER TABLE micro_batch_range ADD COLUMN generation integer NOT NULL DEFAULT 0;
ALTER TABLE micro_batch_range
    DROP CONSTRAINT micro_batch_range_topic_kafka_partition_start_offset_key,
    -- A record belongs to one micro-batch, for ever.
    ADD CONSTRAINT micro_batch_range_start UNIQUE (topic, generation, kafka_partition,
                                                   start_offset);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
