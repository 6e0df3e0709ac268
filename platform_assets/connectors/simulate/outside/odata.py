"""The shop's OData service, version 4: the set of its open orders, with delta links.

An order that is delivered leaves the set: a delta tells it as removed.
"""

from __future__ import annotations

import re
import time
from typing import Any, Final
from urllib.parse import quote

from platform_assets.connectors.simulate.outside.pages import page_of
from platform_assets.connectors.simulate.outside.shop import Order, Shop

SET: Final = "OpenOrders"
METADATA: Final = f"""<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx:DataServices>
<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Shop">
<EntityType Name="Order"><Key><PropertyRef Name="Number"/></Key>
<Property Name="Number" Type="Edm.Int64" Nullable="false"/>
<Property Name="City" Type="Edm.String" Nullable="false"/>
<Property Name="Amount" Type="Edm.Double" Nullable="false"/>
<Property Name="Status" Type="Edm.String" Nullable="false"/>
<Property Name="ChangedAt" Type="Edm.DateTimeOffset" Nullable="false"/></EntityType>
<EntityContainer Name="All"><EntitySet Name="{SET}" EntityType="Shop.Order"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""

_LARGEST = 200
_SIZE = re.compile(r"odata\.maxpagesize=(\d+)")


class GoneError(Exception):
    """A link of an earlier life of the service, which remembers nothing of it."""


class OpenOrders:
    """The entity set.

    Args:
        shop: whose orders.
        address: of the set.
    """

    def __init__(self, shop: Shop, address: str) -> None:
        self._shop, self._address = shop, address
        self._life = f"{time.time_ns():x}"

    def page(self, link: str | None, prefer: str) -> dict[str, Any]:
        """A page of the set, or of what changed in it.

        Args:
            link: the token of a next or delta link; None: from the beginning.
            prefer: the request's header.

        Raises:
            GoneError: the token is not of this life.
        """
        life, _, places = (link or f"{self._life}!!").partition("!")
        if life != self._life:
            raise GoneError(link)
        after, _, until = places.partition("!")
        size = min(int(found[1]), _LARGEST) if (found := _SIZE.search(prefer)) else _LARGEST
        # What changes between two pages of a read is told by the next read: an order once a read.
        until = until or self._shop.now.isoformat()
        orders, last, more = page_of(self._shop, after or None, size, until)
        value = [_entity(one) for one in orders if one.is_open]
        if after:
            value += [_removed(one) for one in orders if not one.is_open]
        name = "@odata.nextLink" if more else "@odata.deltaLink"
        following = quote(f"{self._life}!{last}!{until}" if more else f"{self._life}!{until}!")
        return {
            "@odata.context": f"$metadata#{SET}",
            "value": value,
            name: f"{self._address}?$deltatoken={following}",
        }


def _entity(order: Order) -> dict[str, Any]:
    return {
        "Number": order.id,
        "City": order.city,
        "Amount": order.amount,
        "Status": order.status,
        "ChangedAt": order.as_json()["changed_at"],
    }


def _removed(order: Order) -> dict[str, Any]:
    return {
        "@odata.context": f"$metadata#{SET}/$deletedEntity",
        "id": f"{SET}({order.id})",
        "reason": "changed",
    }
