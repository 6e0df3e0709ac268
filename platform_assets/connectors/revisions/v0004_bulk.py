"""Files that the stream takes itself, and where it stands in each."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0004"
down_revision = "v0003"

_TABLES = """
-- Bulk files: number n is the partition -n of its topic.
create table if not exists bulk_file (
    topic text not null,
    number integer not null check (number > 0),
    source text not null,
    stream text not null,
    name text not null,
    size bigint,
    state jsonb not null,                 -- what the source needs to find this state of the file
    status text not null check (status in ('intended', 'open', 'done', 'given up', 'withdrawn')),
    handed_over_at timestamptz not null default now(),
    done_at timestamptz,
    error text,
    error_at timestamptz,
    primary key (topic, number)
);
create index if not exists bulk_file_open on bulk_file (topic) where status = 'open';
-- Where a slice begins: of a file two at most, before and after the slice under way.
create table if not exists bulk_position (
    topic text not null,
    number integer not null,
    record bigint not null,               -- of the file, from 1
    position jsonb not null,              -- of the source's reader
    primary key (topic, number, record),
    foreign key (topic, number) references bulk_file (topic, number) on delete cascade
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
