"""The room's tables in PostgreSQL (database ``models``), by revision."""

from __future__ import annotations

from pathlib import Path

from platform_assets.core.migrations import Revisions

REVISIONS = Revisions("alerts", Path(__file__).parent)
