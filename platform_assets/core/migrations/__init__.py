"""Tables by revision: Alembic runs them, one process at a time, whole or not at all.

Each room that owns tables has a package ``revisions`` with files ``v0001_<what>.py``,
``v0002_<what>.py``, …, in one line of descent, and a version table of its own. A database that
is up to date costs one query; Alembic is imported only where there is something to do.
"""

from __future__ import annotations

from platform_assets.core.migrations.upgrade import MigrationError, Revisions, run_sql, upgrade

__all__ = ["MigrationError", "Revisions", "run_sql", "upgrade"]
