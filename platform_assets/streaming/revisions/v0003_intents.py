"""What a publication is about to change, recorded before its first commit."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0003"
down_revision = "v0002"

_TABLES = """
CREATE TABLE publication_intent (
    topic       text PRIMARY KEY,
    todo        bigint[] NOT NULL,          -- micro-batches to publish, again or at all
    counted     bigint[] NOT NULL,          -- micro-batches whose rows may have yielded
    dates       date[] NOT NULL,            -- event dates whose rows may have changed
    intended_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Make the table."""
    run_sql(_TABLES)
