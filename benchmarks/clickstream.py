"""Clickstream's rules by hand, as one would write them in a bare loop.

Belongs here: names, reasons and SQL of the rules, shared by the two bare loops. Does not
belong here: reading a contract, which is what a bare loop saves itself. The benches compare
the tables of both sides, so a rule that differs shows.
"""

from __future__ import annotations

RULES: tuple[tuple[str, str, str], ...] = (
    ("event_time_missing", "timestamp IS NULL", "timestamp is missing"),
    ("key_missing", "event_id IS NULL", "a key column is missing (key: event_id)"),
    ("user_id_not_null", "user_id IS NULL", "user_id must not be null"),
    ("user_id_range", "user_id < 1 OR user_id > 10000",
     "user_id must be at least 1 and at most 10000"),
    ("product_id_not_null", "product_id IS NULL", "product_id must not be null"),
    ("product_id_range", "product_id < 1 OR product_id > 5000",
     "product_id must be at least 1 and at most 5000"),
    ("event_type_not_null", "event_type IS NULL", "event_type must not be null"),
    ("event_type_one_of", "event_type NOT IN ('view', 'cart', 'purchase')",
     "event_type must be one of view, cart, purchase"),
    ("price_not_null", "price IS NULL", "price must not be null"),
    ("price_range", "price > 1000000", "price must be at most 1e+06"),
    ("price_not_negative", "price < 0", "price must be at least 0"),
    ("purchase_price_positive", "event_type = 'purchase' AND price <= 0",
     "price must be above 0 when event_type is purchase"),
    ("price_only_on_purchase", "event_type = 'view' AND (price < 0 OR price > 0)",
     "price must be at least 0 and at most 0 when event_type is view"),
    ("price_only_on_purchase_cart", "event_type = 'cart' AND (price < 0 OR price > 0)",
     "price must be at least 0 and at most 0 when event_type is cart"),
    ("event_time_in_future", "timestamp > latest",
     "timestamp must be at most 3600 s after the broker's time"),
)  # fmt: skip
"""Each rule's name, where it is broken, and what it asks; in the contract's order.

``latest`` is an hour after the broker's time. The text is SQL that Polars and Spark both read.
"""
