"""The process of the outside world: systems for the sources of ``weir run --sources``."""

from __future__ import annotations

import importlib.metadata
import sys

from platform_assets.core.http import client
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.model import Server
from platform_assets.local.postgres import NAME as POSTGRES

NAME = "outside"


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    return Server(
        name=NAME,
        version=importlib.metadata.version("weir"),
        command=(sys.executable, "-m", "platform_assets.connectors.simulate.outside"),
        ports=(settings.outside_port,),
        probe=lambda: _answers(settings),
        folder=REPOSITORY,
        needs=(POSTGRES,),
        environment=lambda: {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"},
        scheme="http",
        timeout=120,
        memory_mb=100,
    )


def _answers(settings: Settings) -> bool:
    address = f"http://127.0.0.1:{settings.outside_port}/health"
    return client().get(address, timeout=5).status_code == 200
