"""Runs the outside world, shown to the kinds of source that ``WEIR_OUTSIDE`` names."""

from __future__ import annotations

import os

from platform_assets.connectors.simulate.outside.connected import VARIABLE, kinds_of
from platform_assets.connectors.simulate.outside.parts import show
from platform_assets.connectors.simulate.outside.shop import Shop
from platform_assets.connectors.simulate.outside.web import serve
from platform_assets.core.settings import get_settings
from platform_assets.core.stopping import stopping

PER_SECOND = 5.0


def main() -> None:
    """Let the shop's orders come until SIGTERM."""
    settings, shop = get_settings(), Shop()
    with stopping() as stop:
        show(kinds_of(os.environ.get(VARIABLE, "all")), settings, shop, stop)
        # Last: who finds the web server up finds the rest, too.
        serve(shop, settings.outside_port, stop)
        while not stop.wait(1 / PER_SECOND):
            shop.tick()


if __name__ == "__main__":
    main()
