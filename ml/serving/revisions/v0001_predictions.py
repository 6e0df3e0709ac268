"""The first tables; those that were made before there were revisions are taken over."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
-- One row an answer and model: a request that two models scored (shadow, or a failed challenger
-- and the champion that stood in) has two rows with one id. The id is a UUID of version 7, so its
-- order is that of time, and rows of old days lie together.
create table if not exists predictions (
    id uuid not null,
    arm text not null check (arm in ('champion', 'challenger')),
    model text not null,
    version integer not null,
    trial text not null,
    key text not null,
    at timestamptz not null,
    seconds double precision not null,
    failed boolean not null,
    score double precision,
    label smallint,
    shadow boolean not null,
    primary key (id, arm)
);
create index if not exists predictions_by_trial on predictions (model, trial, id);
-- No foreign key: an outcome may come before its prediction is written.
create table if not exists outcomes (
    id uuid primary key,
    actual smallint not null check (actual in (0, 1)),
    known_at timestamptz not null
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
