"""How each stream of each source fares, what people asked of it, and who asked."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0003"
down_revision = "v0002"

_TABLES = """
-- Streams of sources: sums of what was committed, and the last error.
create table if not exists source_stream (
    source text not null,
    stream text not null,
    topic text not null,
    records bigint not null default 0,
    dead_letters bigint not null default 0,
    bytes bigint not null default 0,
    busy_seconds double precision not null default 0,
    read_at timestamptz,
    row_at timestamptz,
    lag_seconds double precision,
    error text,
    error_at timestamptz,
    failures integer not null default 0,
    primary key (source, stream)
);
-- Sources that a person has paused.
create table if not exists source_pause (
    source text primary key,
    reason text not null,
    paused_by text not null,
    paused_at timestamptz not null default now()
);
-- What people did to sources, in order.
create table if not exists source_audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,
    source text not null,
    action text not null,
    detail text not null default ''
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
