"""What was used of each stream, in parts of ten minutes, and its requests so far."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0006"
down_revision = "v0005"

_TABLES = """
alter table source_stream add column if not exists requests bigint not null default 0;
-- Use of streams for two days, in parts of ten minutes: what a day costs follows from it.
create table if not exists source_usage (
    source text not null,
    stream text not null,
    began timestamptz not null,
    requests bigint not null,
    bytes bigint not null,
    busy_seconds double precision not null,
    primary key (source, stream, began)
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
