"""What was understood, its sums by minute, and how far the log is taken in."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
-- Transactions so far; its one row is locked by who writes.
CREATE TABLE hot_step (step bigint NOT NULL);
INSERT INTO hot_step VALUES (0);
-- How far each topic of results is taken in; moves in the transaction of the rows themselves.
CREATE TABLE hot_position (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
-- A row a result; partitions by month are made and dropped by the store.
CREATE TABLE understood (
    day                 date NOT NULL,         -- UTC, of occurred_at
    event_id            text NOT NULL,
    occurred_at         timestamptz NOT NULL,
    source_topic        text NOT NULL,
    source_event_id     text NOT NULL,
    source_partition    integer NOT NULL,
    source_offset       bigint NOT NULL,
    arrived_at          timestamptz NOT NULL,  -- when the broker took the source's record
    characters          integer NOT NULL,
    language            text NOT NULL,
    language_confidence double precision NOT NULL,
    sentiment           text,                  -- null: no model could tell
    intensity           double precision,
    route               text NOT NULL,
    entities            jsonb NOT NULL,
    functions           text NOT NULL,
    step                bigint NOT NULL,       -- of hot_step, the transaction that brought it
    PRIMARY KEY (day, event_id)
) PARTITION BY RANGE (day);
CREATE INDEX understood_step ON understood (step);
CREATE INDEX understood_occurred ON understood (occurred_at);
-- Sums by minute of the event time, in the same transaction.
CREATE TABLE understood_minute (
    minute       timestamptz NOT NULL,
    source_topic text NOT NULL,
    language     text NOT NULL,
    sentiment    text NOT NULL,                -- unknown: no model could tell
    texts        bigint NOT NULL,
    intensity    double precision NOT NULL,    -- sum
    PRIMARY KEY (minute, source_topic, language, sentiment)
) PARTITION BY RANGE (minute);
-- How a processor fares: sums since it first ran, and what was last seen.
CREATE TABLE processor_state (
    processor    text PRIMARY KEY,
    taken        bigint NOT NULL DEFAULT 0,
    results      bigint NOT NULL DEFAULT 0,
    routed       bigint NOT NULL DEFAULT 0,
    rejected     bigint NOT NULL DEFAULT 0,
    dead_letters bigint NOT NULL DEFAULT 0,
    stored       bigint NOT NULL DEFAULT 0,
    busy_seconds double precision NOT NULL DEFAULT 0,
    lag          bigint NOT NULL DEFAULT 0,    -- offsets that wait
    rate         double precision NOT NULL DEFAULT 0, -- results a second, over the last minute
    p50          double precision,             -- seconds from the broker to the stored row,
    p95          double precision,             -- of the last minute
    p99          double precision,
    functions    text NOT NULL DEFAULT '',
    seen_at      timestamptz NOT NULL DEFAULT now()
);
-- Hours that were compared with the batch layer.
CREATE TABLE agreement (
    processor    text NOT NULL,
    source_topic text NOT NULL,
    hour         timestamptz NOT NULL,
    texts        bigint NOT NULL,              -- in silver, of records that both have taken
    missing      bigint NOT NULL,              -- not in the hot path
    extra        bigint NOT NULL,              -- in the hot path alone
    compared     bigint NOT NULL,              -- computed again from silver
    different    bigint NOT NULL,              -- of them with another result
    outdated     bigint NOT NULL,              -- results of other versions of the functions
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (processor, source_topic, hour)
);
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(_TABLES)
