"""How the shop is seen, by the kind of source that is connected to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from platform_assets.connectors.simulate.outside.shop import Shop
from platform_assets.core.settings import Settings

Part = Callable[[Settings, Shop, threading.Event], None]
"""Begins to show the shop; what it starts ends when the event is set."""


def _sql(settings: Settings, shop: Shop, _: threading.Event) -> None:
    from platform_assets.connectors.simulate.outside.database import OrderTable

    shop.tell(OrderTable(settings).write)


def _files(settings: Settings, shop: Shop, stop: threading.Event) -> None:
    from platform_assets.connectors.simulate.outside.exports import Exports

    shop.tell(Exports(settings.home / "outside-exports", stop).add)


def _rest(_settings: Settings, _shop: Shop, _stop: threading.Event) -> None:
    """The web server is there in any case."""


def _webhook(settings: Settings, shop: Shop, stop: threading.Event) -> None:
    from platform_assets.connectors.simulate.outside.hooks import Hooks

    url = f"http://{settings.webhook_host}:{settings.webhook_port}/hooks/shop_hooks/orders"
    shop.tell(Hooks(url, "WEIR_OUTSIDE_HOOKS", stop).send)


PARTS: Final[Mapping[str, Part]] = {
    "files": _files,
    "rest": _rest,
    "sql": _sql,
    "webhook": _webhook,
}
"""Kind -> what shows the shop to it."""
