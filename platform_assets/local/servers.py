"""The catalogue of the local profile's servers."""

from __future__ import annotations

from collections.abc import Iterable

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Profile, Settings
from platform_assets.local import (
    artemis,
    connect,
    dagster,
    kafka,
    models,
    mosquitto,
    outside,
    portal,
    postgres,
    registry,
    spark,
    trino,
    valkey,
)
from platform_assets.local.model import Server

DAGSTER = (dagster.CODE, dagster.WEBSERVER, dagster.DAEMON)
STORES = (postgres.NAME, kafka.NAME, registry.NAME)
DEFAULT = (*STORES, trino.NAME, *DAGSTER, portal.NAME, models.NAME)
OPTIONAL = (spark.NAME, connect.NAME, mosquitto.NAME, artemis.NAME, outside.NAME, valkey.NAME)


def catalogue(settings: Settings) -> dict[str, Server]:
    """Every server by name, each after those it needs.

    Raises:
        WeirError: the profile is not the local one, whose servers are somebody else's.
    """
    if settings.profile is not Profile.LOCAL:
        raise WeirError(
            "WEIR_PROFILE=cluster: the servers are not run from here",
            "unset WEIR_PROFILE to use the local ones",
        )
    every = (
        postgres.server(settings),
        kafka.server(settings),
        registry.server(settings),
        trino.server(settings),
        *dagster.servers(settings),
        portal.server(settings),
        models.server(settings),
        spark.server(settings),
        connect.server(settings),
        mosquitto.server(settings),
        artemis.server(settings),
        outside.server(settings),
        valkey.server(settings),
    )
    return {server.name: server for server in every}


def default(settings: Settings) -> tuple[str, ...]:
    """What ``weir up`` starts: with the speed layer, its cache too."""
    return (*DEFAULT, valkey.NAME) if settings.speed_layer else DEFAULT


def mqtt_broker(settings: Settings) -> Server:
    """Mosquitto where it is installed, else Artemis, which is fetched."""
    return mosquitto.server(settings) if mosquitto.program() else artemis.server(settings)


def with_needs(settings: Settings, names: Iterable[str]) -> list[Server]:
    """The named servers and all that they need, in starting order.

    Raises:
        WeirError: a name is unknown; lists the known ones.
    """
    known = catalogue(settings)
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in known:
            raise WeirError(f"no server {name!r}", f"known: {', '.join(known)}")
        if name not in wanted:
            wanted.add(name)
            todo.extend(known[name].needs)
    return [server for server in known.values() if server.name in wanted]
