"""The hot path's PostgreSQL database."""

from __future__ import annotations

from platform_assets.core.databases import SHORT, Database, Patience
from platform_assets.core.settings import Settings
from platform_assets.processors.hot.revisions import REVISIONS

DATABASE = "live"
CHANNEL = "understood"
"""Of PostgreSQL's notifications: one a transaction that brought rows, with their topic as payload,
and one where a processor's lag is another, with its name."""


def hot_database(settings: Settings, patience: Patience = SHORT) -> Database:
    """The database; what is missing is made on first use."""
    return Database(settings, DATABASE, REVISIONS, connections=3, patience=patience)
