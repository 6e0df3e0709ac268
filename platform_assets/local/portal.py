"""The portal's process."""

from __future__ import annotations

import importlib.metadata
import sys

from platform_assets.core.http import client
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.model import Server
from platform_assets.local.postgres import NAME as POSTGRES

NAME = "portal"


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    return Server(
        name=NAME,
        version=importlib.metadata.version("weir"),
        command=(sys.executable, "-m", "reports.portal"),
        ports=(settings.portal_port,),
        probe=lambda: _answers(settings),
        folder=REPOSITORY,
        needs=(POSTGRES,),
        environment=lambda: {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"},
        prepare=lambda: None,
        scheme="http",
        timeout=120,
        memory_mb=150,
    )


def _answers(settings: Settings) -> bool:
    address = f"http://127.0.0.1:{settings.portal_port}/login"
    return client().get(address, timeout=5).status_code == 200
