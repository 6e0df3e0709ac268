"""The portal's PostgreSQL database."""

from __future__ import annotations

from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings
from reports.portal.revisions import REVISIONS

DATABASE = "portal"


def portal_database(settings: Settings) -> Database:
    """The portal's database; what is missing is made on first use."""
    return Database(settings, DATABASE, REVISIONS)
