"""Pages of orders by their changes, as the shop's web APIs hand them out."""

from __future__ import annotations

from datetime import datetime

from platform_assets.connectors.simulate.outside.shop import Order, Shop


def page_of(
    shop: Shop, after: str | None, size: int, until: str | None = None
) -> tuple[list[Order], str | None, bool]:
    """Orders in the order of their changes.

    Args:
        shop: whose.
        after: moment, ISO 8601, after which they changed; None: all.
        size: of the page, at most.
        until: the last moment at which they changed; None: now.

    Returns:
        The orders, the moment of the last one (of an empty page the one that was given), and
        whether there are more.

    Raises:
        ValueError: it is no moment.
    """
    found = shop.changed_after(datetime.fromisoformat(after) if after else None)
    if until is not None:
        found = [one for one in found if one.changed_at <= datetime.fromisoformat(until)]
    page = found[:size]
    if page:
        after = str(page[-1].as_json()["changed_at"])
    return page, after, len(found) > size
