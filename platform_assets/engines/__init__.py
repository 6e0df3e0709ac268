"""Engines: read the log by offsets, decode, write Delta exactly; no Dagster here.

Belongs here: opening the engine that the settings name. Does not belong here: anything of
one engine (that is imported only when opened). Next room: engines/base.py, the protocol.
"""

from __future__ import annotations

from platform_assets.core.settings import EngineName, Settings
from platform_assets.engines.base import Engine


def open_engine(settings: Settings) -> Engine:
    """Open the engine that ``WEIR_ENGINE`` names; close it when done."""
    if settings.engine is EngineName.SPARK:
        from platform_assets.engines.spark.engine import SparkEngine

        return SparkEngine(settings)
    from platform_assets.engines.local.engine import LocalEngine

    return LocalEngine(settings)
