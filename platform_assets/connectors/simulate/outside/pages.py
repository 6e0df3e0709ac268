"""Pages of orders by their changes, as the shop's web APIs hand them out."""

from __future__ import annotations

from datetime import datetime

from platform_assets.connectors.simulate.outside.shop import Order, Shop


def page_of(shop: Shop, after: str | None, size: int) -> tuple[list[Order], str | None, bool]:
    """Orders in the order of their changes.

    Args:
        shop: whose.
        after: moment, ISO 8601, after which they changed; None: all.
        size: of the page, at most.

    Returns:
        The orders, the moment of the last one (of an empty page the one that was given), and
        whether there are more.

    Raises:
        ValueError: it is no moment.
    """
    found = shop.changed_after(datetime.fromisoformat(after) if after else None)
    page = found[:size]
    if page:
        after = str(page[-1].as_json()["changed_at"])
    return page, after, len(found) > size
