"""The room's tables in PostgreSQL (database ``ledger``), by revision."""

from __future__ import annotations

from pathlib import Path

from platform_assets.core.migrations import Revisions

REVISIONS = Revisions("gold", Path(__file__).parent)
