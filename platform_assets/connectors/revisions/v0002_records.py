"""What was seen of each file, and what each record said, so that a conflict is found."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0002"
down_revision = "v0001"

_TABLES = """
-- Files by content: the name that numbers their rows, and why one cannot be used.
create table if not exists seen_file (
    source text not null,
    sha256 text not null,
    scope text not null,
    refused text,
    seen_at timestamptz not null default now(),
    primary key (source, sha256)
);
-- Records by identity: a digest of what each says.
create table if not exists ingested_record (
    source text not null,
    event_id text not null,
    content bytea not null,
    file text not null,
    primary key (source, event_id)
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
