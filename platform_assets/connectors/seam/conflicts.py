"""The same id with other content: shown as a dead letter, where a stream asks for it.

What each record said is kept as a digest in the ledger's database, before it is sent: a page that
is read again says the same, and is no conflict.
"""

from __future__ import annotations

from dataclasses import replace

from platform_assets.connectors.ingested import IngestedFiles
from platform_assets.connectors.seam.columns import Mapped


def without_conflicts(mapped: Mapped, ledger: IngestedFiles, source: str, place: str) -> Mapped:
    """A page without the rows whose id said something else before; those are refused.

    Args:
        mapped: with ``ids`` and ``said``.
        ledger: what was said before.
        source: the instance.
        place: where the page begins, for people.

    Raises:
        DatabaseError: the ledger's database refuses.
    """
    first: dict[str, bytes] = {}
    for identifier, said in zip(mapped.ids, mapped.said, strict=True):
        first.setdefault(identifier, said)
    earlier = ledger.conflicts(source, first, place) if first else {}
    if not earlier and len(first) == len(mapped.ids):
        return mapped
    refused = dict(mapped.refused)
    count = len(mapped.ids) + len(mapped.refused)
    rows = [row for row in range(count) if row not in mapped.refused]
    good = []
    for number, (identifier, said) in enumerate(zip(mapped.ids, mapped.said, strict=True)):
        origin = earlier.get(identifier)
        if origin is None and first[identifier] != said:
            origin = place
        if origin is None:
            good.append(number)
            continue
        refused[rows[number]] = (
            f"conflict: event {identifier} was sent before with other content, from the page at "
            f"{origin}; the first one stays"
        )
    return replace(
        mapped,
        keys=[mapped.keys[number] for number in good],
        values=[mapped.values[number] for number in good],
        refused=refused,
    )
