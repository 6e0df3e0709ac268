"""The model server's process."""

from __future__ import annotations

import importlib.metadata
import sys

from platform_assets.core.http import client
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.model import Server
from platform_assets.local.postgres import NAME as POSTGRES

NAME = "models"


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    return Server(
        name=NAME,
        version=importlib.metadata.version("weir"),
        command=(sys.executable, "-m", "ml.serving"),
        ports=(settings.models_port,),
        probe=lambda: _answers(settings),
        folder=REPOSITORY,
        needs=(POSTGRES,),
        environment=lambda: {
            "MALLOC_ARENA_MAX": "2",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        },
        scheme="http",
        timeout=120,
        memory_mb=150,
    )


def _answers(settings: Settings) -> bool:
    # Ready without any model too; one that cannot be loaded must not keep the others down.
    address = f"http://127.0.0.1:{settings.models_port}/ready"
    return bool(client().get(address, timeout=5).json()["followed"])
