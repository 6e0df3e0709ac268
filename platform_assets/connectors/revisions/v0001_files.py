"""The first tables; those that were made before there were revisions are taken over."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
-- Files whose records were all sent, by content.
create table if not exists ingested_file (
    source text not null,
    sha256 text not null,
    file text not null,
    records bigint not null,
    dead_letters bigint not null,
    ingested_at timestamptz not null default now(),
    primary key (source, sha256)
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
