"""The portal's PostgreSQL database.

Belongs here: its name and its tables. Does not belong here: connections
(:mod:`platform_assets.databases`), what is stored (:mod:`.users`, :mod:`.sessions`,
:mod:`.audit`).
"""

from __future__ import annotations

from pathlib import Path

from platform_assets.databases import Database
from platform_assets.settings import Settings

DATABASE = "portal"


def portal_database(settings: Settings) -> Database:
    """The portal's database; what is missing is made on first use."""
    return Database(settings, DATABASE, Path(__file__).with_name("portal.sql"))
