"""Runs the outside world, shown to the kinds of source that ``WEIR_OUTSIDE`` names."""

from __future__ import annotations

import os
import signal
import threading

from platform_assets.connectors.simulate.outside.connected import VARIABLE, kinds_of
from platform_assets.connectors.simulate.outside.parts import show
from platform_assets.connectors.simulate.outside.shop import Shop
from platform_assets.connectors.simulate.outside.web import serve
from platform_assets.core.settings import get_settings

PER_SECOND = 5.0


def main() -> None:
    """Let the shop's orders come until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings, shop = get_settings(), Shop()
    show(kinds_of(os.environ.get(VARIABLE, "all")), settings, shop, stop)
    # Last: who finds the web server up finds the rest, too.
    serve(shop, settings.outside_port, stop)
    while not stop.wait(1 / PER_SECOND):
        shop.tick()


if __name__ == "__main__":
    main()
