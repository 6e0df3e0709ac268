"""The first tables; those that were made before there were revisions are taken over."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
-- What each period said about a model (PostgreSQL database "models").
CREATE SEQUENCE IF NOT EXISTS drift_serial;
CREATE TABLE IF NOT EXISTS drift_decisions (
    model         text NOT NULL,
    version       integer NOT NULL,        -- whose reference the period was compared with
    period        date NOT NULL,
    retrain       boolean NOT NULL,        -- the features say so
    reason        text NOT NULL,
    moves         json NOT NULL,           -- every feature; infinite shifts as texts
    streaks       json NOT NULL,           -- feature -> consecutive periods
    fingerprint   text NOT NULL,           -- of the reference
    trained_until timestamptz NOT NULL,    -- of the version: earlier periods are no evidence
    counts        integer[] NOT NULL,      -- tp, fp, fn, tn of labels that became known in it
    alarm         boolean NOT NULL,        -- the labels say so
    alarm_reason  text NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    serial        bigint NOT NULL UNIQUE,  -- grows with every write, in order of commits
    PRIMARY KEY (model, version, period)
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
