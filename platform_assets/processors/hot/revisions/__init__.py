"""The room's tables in PostgreSQL (database ``live``), by revision."""

from __future__ import annotations

from pathlib import Path

from platform_assets.core.migrations import Revisions

REVISIONS = Revisions("hot", Path(__file__).parent)
