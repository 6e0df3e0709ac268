"""Change topics: the history and the current state as a function of the change events.

A delete is a row of the history too (``op`` = ``d``): its ``valid_from`` closes the version
before it, and from then on the entity has no current row.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from platform_assets.contracts.model import Contract

Frame = Any
"""A ``narwhals.LazyFrame`` of any backend."""

CHANGE_ORDER = ("valid_from", "_kafka_partition", "_kafka_offset")
"""Event time decides; the log's order decides between equal event times."""


def versions(contract: Contract, events: Frame) -> Frame:
    """Give each change event the moment until which it held (null: it still holds).

    The events must be every event of the keys they name: then arrival order does not
    matter, and late or out-of-order events are right at the end.
    """
    following = nw.col("valid_from").shift(-1).over(*contract.key, order_by=list(CHANGE_ORDER))
    return events.with_columns(following.alias("valid_to")).select(
        *(nw.col(column.name) for column in contract.columns),
        "op",
        "valid_from",
        "valid_to",
        "_micro_batch",
        "_kafka_partition",
        "_kafka_offset",
        "_kafka_timestamp",
    )


def current(contract: Contract, history: Frame) -> Frame:
    """The rows that hold now: the last version of each entity that is not deleted."""
    latest = history.filter(nw.col("valid_to").is_null() & (nw.col("op") != "d"))
    return latest.select(
        *(nw.col(column.name) for column in contract.columns),
        "valid_from",
        "_micro_batch",
        "_kafka_partition",
        "_kafka_offset",
        "_kafka_timestamp",
    )
