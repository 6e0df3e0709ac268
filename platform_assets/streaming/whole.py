"""Whether tables still hold what the ledger recorded; asked before rows are replaced from them.

A table that lost rows (retention, a restore, a hand) must not be taken for all there is: what is
made of it again would lose them too, and its sums would still agree with each other. The ledger
knows how many there were.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import structlog

from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.locks import writer_lock

log = structlog.get_logger(__name__)

WHOLE_SECONDS = 60.0
"""How long it counts whether a topic was found whole."""

_NAMED = 3


class ReplayError(WeirError):
    """The recorded records cannot be read again, from the log or from bronze."""


class ShortTableError(WeirError):
    """A table has fewer rows than were published to it."""


def require_whole(
    contract: Contract, held: Mapping[int, int], recorded: Mapping[int, int], why: str = ""
) -> None:
    """Refuse micro-batches of which there are not exactly the records that they were taken with.

    Args:
        contract: whose micro-batches.
        held: records of each micro-batch that were found; 0 for those left out.
        recorded: records of each by the ledger.
        why: what was tried before, for the message.

    Raises:
        ReplayError: names the micro-batches and both numbers.
    """
    wrong = [number for number in recorded if held.get(number, 0) != recorded[number]]
    if not wrong:
        return
    wrong.sort()
    found = sum(held.get(number, 0) for number in wrong)
    expected = sum(recorded[number] for number in wrong)
    named = ", ".join(map(str, wrong[:_NAMED]))
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    raise ReplayError(
        f"{contract.topic}: {f'{why}; ' if why else ''}{contract.topic.bronze.sql} holds {found} "
        f"of the {expected} records that the ledger has of micro-batch {named}{more}, so they "
        "cannot be replayed; the tables were left as they were",
        hint="while Kafka holds the records, materialise bronze of their window first; else "
        "restore bronze (Delta time travel: RESTORE), or leave these rows as they are",
    )


def require_published(settings: Settings, contracts: Iterable[Contract]) -> None:
    """Refuse to make anything from a topic whose table has fewer rows than were published to it.

    Args:
        settings: where the lake is.
        contracts: topics whose silver (of a change topic: history) is about to be read.

    Raises:
        ShortTableError: names the table and both numbers.
    """
    for contract in contracts:
        if (error := _short(settings, contract)) is not None:
            raise error


class WholeTopics:
    """Tells topics whose table has lost rows from the others, for a run that follows silver.

    An answer holds for a minute: to ask costs as much as the ledger is long.
    """

    def __init__(self, settings: Settings, contracts: Mapping[TopicName, Contract]) -> None:
        self._settings = settings
        self._contracts = contracts
        self._known: dict[TopicName, tuple[float, bool]] = {}

    def short(self, topics: Iterable[TopicName]) -> set[TopicName]:
        """Those of the topics from which nothing must be made now; the log says why."""
        return {topic for topic in topics if not self._is_whole(topic)}

    def _is_whole(self, topic: TopicName) -> bool:
        until, whole = self._known.get(topic, (0.0, True))
        if time.monotonic() >= until:
            error = _short(self._settings, self._contracts[topic])
            if error is not None:
                log.warning("left out", topic=str(topic), error=str(error))
            whole = error is None
            self._known[topic] = (time.monotonic() + WHOLE_SECONDS, whole)
        return whole


def _short(settings: Settings, contract: Contract) -> ShortTableError | None:
    """What is wrong with a topic's published table; None where no row is missing."""
    ledger = Ledger(settings)
    # The ledger first: what is published in between only adds rows.
    published = ledger.totals(contract.topic).published
    if _rows(settings, contract) >= published:
        return None
    # A replay between its two commits looks the same for a moment: ask again in its turn.
    with writer_lock(settings, contract.topic.silver.sql):
        published, rows = ledger.totals(contract.topic).published, _rows(settings, contract)
    if rows >= published:
        return None
    return ShortTableError(
        f"{contract.published_table.sql} has {rows} rows and the ledger counts {published} "
        f"published ones: {published - rows} are missing; nothing was made from it",
        hint="materialise the windows that lack rows again (weir streams --windows), or "
        "restore the table (Delta time travel: RESTORE)",
    )


def _rows(settings: Settings, contract: Contract) -> int:
    """Rows of the published table, by its log alone; 0 where it does not exist."""
    import polars as pl
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    path = f"{settings.lake_root.rstrip('/')}/{contract.published_table.path}"
    try:
        actions = pl.DataFrame(DeltaTable(path).get_add_actions(flatten=True))
    except TableNotFoundError:
        return 0
    return int(actions["num_records"].sum()) if len(actions) else 0
