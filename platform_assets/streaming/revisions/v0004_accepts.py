"""A halt keeps its reason and its records; accepting it is bound to both."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0004"
down_revision = "v0003"

_COLUMNS = """
-- accept_over_threshold stays and is no longer read: a run of older code may still be draining.
ALTER TABLE topic_state
    ADD COLUMN halt jsonb,              -- why and over which records it is halted
    ADD COLUMN accepted jsonb;          -- the halt that a person let pass, until it has passed
"""


def upgrade() -> None:
    """Change the table."""
    run_sql(_COLUMNS)
