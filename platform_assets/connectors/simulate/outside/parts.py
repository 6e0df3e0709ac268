"""How the outside world is seen, by the kind of source that is connected to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from platform_assets.connectors.simulate.outside.shop import Shop
from platform_assets.core.settings import Settings
from platform_assets.local import connect
from platform_assets.local.servers import mqtt_broker

Show = Callable[[Settings, Shop, threading.Event], None]
"""Begins to show the shop; what it starts ends when the event is set."""


@dataclass(frozen=True)
class Part:
    """What a kind of source needs of the outside world.

    Attributes:
        show: shows it.
        servers: names of those that are started beside the others.
    """

    show: Show
    servers: Callable[[Settings], tuple[str, ...]] = lambda _: ()


def show(kinds: Iterable[str], settings: Settings, shop: Shop, stop: threading.Event) -> None:
    """Show the shop to some kinds; what two of them look at is there once."""
    for one in dict.fromkeys(PARTS[kind].show for kind in kinds):
        one(settings, shop, stop)


def _database(settings: Settings, shop: Shop, _: threading.Event) -> None:
    from platform_assets.connectors.simulate.outside.database import OrderTable

    shop.tell(OrderTable(settings).write)


def _files(settings: Settings, shop: Shop, stop: threading.Event) -> None:
    from platform_assets.connectors.simulate.outside.exports import Exports

    shop.tell(Exports(settings.home / "outside-exports", stop).add)


def _web(_settings: Settings, _shop: Shop, _stop: threading.Event) -> None:
    """The web server is there in any case."""


def _webhook(settings: Settings, shop: Shop, stop: threading.Event) -> None:
    from platform_assets.connectors.simulate.outside.hooks import Hooks

    url = f"http://{settings.webhook_host}:{settings.webhook_port}/hooks/shop_hooks/orders"
    shop.tell(Hooks(url, "WEIR_OUTSIDE_HOOKS", stop).send)


def _mqtt(settings: Settings, _shop: Shop, stop: threading.Event) -> None:
    from platform_assets.connectors.simulate.outside.cold_store import ColdStore

    ColdStore(mqtt_broker(settings).ports[0], stop).start()


PARTS: Final[Mapping[str, Part]] = {
    "cdc": Part(_database, lambda _: (connect.NAME,)),
    "files": Part(_files),
    "graphql": Part(_web),
    "mqtt": Part(_mqtt, lambda settings: (mqtt_broker(settings).name,)),
    "odata": Part(_web),
    "rest": Part(_web),
    "sql": Part(_database),
    "webhook": Part(_webhook),
}
"""Kind -> what shows the outside world to it."""
