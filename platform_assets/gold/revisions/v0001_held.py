"""Fresh models that fail, each with what it is waiting for."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
create table if not exists held_model (
    model text primary key,
    since timestamptz not null default now(),
    failures integer not null,
    reason text not null,
    retry_at timestamptz not null
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
