"""The first tables; those that were made before there were revisions are taken over."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
-- What became of each report for each recipient.
CREATE TABLE IF NOT EXISTS deliveries (
  report          text        NOT NULL,
  period          text        NOT NULL,
  recipient       text        NOT NULL,
  state           text        NOT NULL DEFAULT 'pending'
                  CHECK (state IN ('pending', 'sent', 'failed', 'dead', 'held')),
  attempts        integer     NOT NULL DEFAULT 0,
  sendings        integer     NOT NULL DEFAULT 1,
  last_error      text        NOT NULL DEFAULT '',
  document_digest text        NOT NULL DEFAULT '',
  message_id      text        NOT NULL DEFAULT '',
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  sent_at         timestamptz,
  alerted_at      timestamptz,
  PRIMARY KEY (report, period, recipient)
);
CREATE INDEX IF NOT EXISTS deliveries_open ON deliveries (updated_at) WHERE state <> 'sent';
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
