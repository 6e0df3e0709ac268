"""The shop's GraphQL API: its orders as a connection, executed by graphql-core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import build_schema, graphql_sync

from platform_assets.connectors.simulate.outside.pages import page_of
from platform_assets.connectors.simulate.outside.shop import Order, Shop

_LARGEST = 100
_SCHEMA = build_schema(
    """
    type Query { orders(first: Int = 50, after: String, changedSince: String): Orders! }
    type Orders { edges: [OrderEdge!]! pageInfo: PageInfo! }
    type OrderEdge { node: Order! }
    type Order {
      number: Int! amount: Float! status: String! changedAt: String! destination: Place!
    }
    type Place { city: String! }
    type PageInfo { hasNextPage: Boolean! endCursor: String }
    """
)


def answer(shop: Shop, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What a query gives: ``data``, and ``errors`` where there are any."""

    def orders(
        _: Any,
        first: int,
        after: str | None = None,
        changedSince: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        page, token, more = page_of(shop, after or changedSince, min(first, _LARGEST))
        return {
            "edges": [{"node": _node(order)} for order in page],
            "pageInfo": {"hasNextPage": more, "endCursor": token},
        }

    done = graphql_sync(_SCHEMA, query, {"orders": orders}, variable_values=dict(variables))
    return dict(done.formatted)


def _node(order: Order) -> dict[str, Any]:
    told = order.as_json()
    return {
        "number": order.id,
        "amount": order.amount,
        "status": order.status,
        "changedAt": told["changed_at"],
        "destination": {"city": order.city},
    }
