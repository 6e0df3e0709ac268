"""What a stream's policy put up with in its last read."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0005"
down_revision = "v0004"

_TABLES = """
-- Changes of a stream's columns and types that its last read put up with, in words.
alter table source_stream add column if not exists changes text[] not null default '{}';
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
