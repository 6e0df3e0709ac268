"""The shop's database: a table of orders in PostgreSQL, upserted as they change."""

from __future__ import annotations

import psycopg

from platform_assets.connectors.simulate.outside.shop import Order
from platform_assets.core.databases import connect, ensure_database
from platform_assets.core.settings import Settings

NAME = "outside"

_TABLE = """
create table if not exists orders (
    id bigint primary key,
    email text not null,
    city text not null,
    amount numeric(12, 2) not null,
    status text not null,
    changed_at timestamptz not null
);
-- Change data capture sees whole rows as they were before.
alter table orders replica identity full;
-- The shop begins anew. Not by truncating: that would not say which rows are gone.
delete from orders;
"""
_UPSERT = """
insert into orders (id, email, city, amount, status, changed_at)
values (%s, %s, %s, %s, %s, %s)
on conflict (id) do update set status = excluded.status, changed_at = excluded.changed_at
"""


class OrderTable:
    """Keeps the table as the shop is; begins empty."""

    def __init__(self, settings: Settings) -> None:
        ensure_database(settings, NAME)
        self._settings = settings
        self._connection = connect(settings, NAME)
        self._connection.execute(_TABLE)

    def write(self, order: Order) -> None:
        """Write an order; one that cannot be written for a restart of PostgreSQL is left out."""
        row = (order.id, order.email, order.city, order.amount, order.status, order.changed_at)
        try:
            self._connection.execute(_UPSERT, row)
        except psycopg.OperationalError:
            self._connection = connect(self._settings, NAME)
            self._connection.execute(_UPSERT, row)
