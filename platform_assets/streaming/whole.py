"""Whether tables still hold what the ledger recorded; asked before rows are replaced from them.

A table that lost rows (retention, a restore, a hand) must not be taken for all there is: what is
made of it again would lose them too, and its sums would still agree with each other. The ledger
knows how many there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.locks import writer_lock

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
    ledger = Ledger(settings)
    for contract in contracts:
        # The ledger first: what is published in between only adds rows.
        published = ledger.totals(contract.topic).published
        if _rows(settings, contract) >= published:
            continue
        # A replay between its two commits looks the same for a moment: ask again in its turn.
        with writer_lock(settings, contract.topic.silver.sql):
            published, rows = ledger.totals(contract.topic).published, _rows(settings, contract)
        if rows < published:
            raise ShortTableError(
                f"{contract.published_table.sql} has {rows} rows and the ledger counts "
                f"{published} published ones: {published - rows} are missing; nothing was "
                "made from it",
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
