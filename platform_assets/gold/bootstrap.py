"""What makes a running Trino show the lake: catalog tables, registrations, public views."""

from __future__ import annotations

from platform_assets.core.settings import Settings
from platform_assets.gold.catalog import ensure_catalog
from platform_assets.gold.register import register_tables
from platform_assets.streaming.locks import writer_lock


def bootstrap(settings: Settings) -> list[str]:
    """Ready a running Trino for queries and dbt; idempotent.

    Call it once after Trino answers, and again after new Delta tables came to be.

    Returns:
        SQL names of the tables that were newly registered.
    """
    from platform_assets.contracts.load import load_contracts

    # One at a time: the fresh gold run and a full build may both be starting.
    with writer_lock(settings, "trino"):
        ensure_catalog(settings)
        return register_tables(settings, load_contracts().values())
