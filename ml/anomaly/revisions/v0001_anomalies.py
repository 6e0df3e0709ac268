"""The first tables; those that were made before there were revisions are taken over."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
-- What watching streams for anomalies remembers (PostgreSQL database "models").
CREATE TABLE IF NOT EXISTS anomaly_cursor (
    stream       text PRIMARY KEY,
    version      bigint NOT NULL,            -- of the model; 0: the detector that needs none
    through      timestamptz NOT NULL,       -- intervals before it are scored
    live_from    timestamptz NOT NULL,       -- intervals before it only teach: nobody is told
    micro_batch  bigint NOT NULL,            -- newest one seen
    points       bigint NOT NULL DEFAULT 0,
    late         bigint NOT NULL DEFAULT 0,
    changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS anomaly_series (
    stream    text NOT NULL,
    series    text NOT NULL,
    memory    bytea,                         -- detectors and thresholds (npz); null: none yet
    standing  jsonb NOT NULL,                -- where the incident stands
    PRIMARY KEY (stream, series)
);
CREATE TABLE IF NOT EXISTS anomaly_scores (
    stream     text NOT NULL,
    series     text NOT NULL,
    signal     text NOT NULL,
    at         timestamptz NOT NULL,         -- start of the interval
    value      double precision NOT NULL,
    score      double precision NOT NULL,
    threshold  double precision,             -- null during the warm-up
    version    bigint NOT NULL,
    PRIMARY KEY (stream, series, signal, at)
);
CREATE INDEX IF NOT EXISTS anomaly_scores_at ON anomaly_scores (stream, at);
-- The outbox: what is to be told. Told by a sensor, each once.
CREATE TABLE IF NOT EXISTS incident_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream     text NOT NULL,
    series     text NOT NULL,
    incident   text NOT NULL,                -- series and time of its first strange point
    ordinal    integer NOT NULL,             -- 0: opened
    kind       text NOT NULL CHECK (kind IN ('opened', 'updated', 'recovered')),
    at         timestamptz NOT NULL,         -- the point that made it known
    details    jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    told_at    timestamptz,
    attempts   integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL DEFAULT now(),
    error      text,
    UNIQUE (incident, ordinal)
);
CREATE INDEX IF NOT EXISTS incident_events_waiting ON incident_events (next_at)
    WHERE told_at IS NULL;
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
