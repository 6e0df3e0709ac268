"""The ledger's database: one pool a process, patient with a restart."""

from __future__ import annotations

from functools import lru_cache

from platform_assets.core.databases import LONG, Database
from platform_assets.core.settings import Settings
from platform_assets.streaming.revisions import REVISIONS

DATABASE = "ledger"

retry_connection = LONG.retrying
"""For calls that may be repeated: reads, and whole transactions."""


@lru_cache(maxsize=4)
def ledger_database(settings: Settings) -> Database:
    """The process's pool of connections to the ledger."""
    return Database(settings, DATABASE, REVISIONS, connections=24, patience=LONG)
