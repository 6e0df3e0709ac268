"""Texts into requests of a bounded size, as few as can be: bin packing, solved to the optimum.

A request costs its instructions before its first text, so each request that is not needed is money.
First-fit decreasing is within 11/9 of the optimum and mostly at it; a lower bound shows when.
Where it does not, HiGHS (scipy) is asked for a packing into one request less, until there is none.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

Bins = list[list[int]]
"""Places of the items of each request."""

_NONE = 2
"""What HiGHS says where there is no such packing."""

SECONDS = 2.0
"""How long the optimum is looked for; what is known then is used."""


@dataclass(frozen=True)
class Packing:
    """Items in requests.

    Attributes:
        bins: places of the items of each, every item in one.
        proven: whether no packing has fewer.
    """

    bins: Bins
    proven: bool


def first_fit(sizes: Sequence[int], capacity: int) -> Bins:
    """The greedy packing: each item, as they come, goes where it first fits.

    Args:
        sizes: of the items, none larger than the capacity.
        capacity: of a request.

    Raises:
        ValueError: an item is larger.
    """
    return _fitted(range(len(sizes)), sizes, capacity)


def pack(sizes: Sequence[int], capacity: int, seconds: float = SECONDS) -> Packing:
    """The packing with the fewest requests.

    Args:
        sizes: of the items, none larger than the capacity.
        capacity: of a request.
        seconds: after which what was found is given back, whether it is proven or not.

    Raises:
        ValueError: an item is larger.
    """
    end = time.monotonic() + seconds
    order = sorted(range(len(sizes)), key=lambda at: (-sizes[at], at))
    best = _fitted(order, sizes, capacity)
    least = lower_bound(sizes, capacity)
    while len(best) > least:
        left = end - time.monotonic()
        found, proven = _into(len(best) - 1, order, sizes, capacity, left) if left > 0 else ([], 0)
        if not found:
            return Packing(best, bool(proven))
        best = found
    return Packing(best, proven=True)


def lower_bound(sizes: Sequence[int], capacity: int) -> int:
    """Requests that any packing needs (Martello and Toth's L2)."""
    best = math.ceil(sum(sizes) / capacity)
    for least in {size for size in sizes if size <= capacity // 2} | {0}:
        large = [size for size in sizes if size > capacity - least]
        half = [size for size in sizes if capacity // 2 < size <= capacity - least]
        small = [size for size in sizes if least <= size <= capacity // 2]
        free = len(half) * capacity - sum(half)
        more = max(0, math.ceil((sum(small) - free) / capacity))
        best = max(best, len(large) + len(half) + more)
    return best


def _fitted(order: Sequence[int], sizes: Sequence[int], capacity: int) -> Bins:
    bins: Bins = []
    room: list[int] = []
    for at in order:
        if sizes[at] > capacity:
            raise ValueError(f"an item of {sizes[at]} does not fit into {capacity}")
        place = next((one for one, free in enumerate(room) if free >= sizes[at]), len(bins))
        if place == len(bins):
            bins.append([])
            room.append(capacity)
        bins[place].append(at)
        room[place] -= sizes[at]
    return bins


def _into(
    count: int, order: Sequence[int], sizes: Sequence[int], capacity: int, seconds: float
) -> tuple[Bins, bool]:
    """A packing into so many requests, or none; and whether there is none."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    items = len(order)
    places = [(item, one) for item in range(items) for one in range(count)]
    columns = np.arange(len(places))
    item, one = (np.array(part) for part in zip(*places, strict=True))
    weights = np.array([sizes[at] for at in order], float)
    each = coo_array((np.ones(len(places)), (item, columns)), shape=(items, len(places)))
    fits = coo_array((weights[item], (one, columns)), shape=(count, len(places)))
    # Requests are alike, so the n-th largest item may be kept to the first n of them.
    upper = (one <= item).astype(float)
    found = milp(
        np.zeros(len(places)),
        constraints=[LinearConstraint(each, 1, 1), LinearConstraint(fits, -np.inf, capacity)],
        bounds=Bounds(0, upper),
        integrality=np.ones(len(places)),
        options={"time_limit": seconds},
    )
    if found.x is None:
        return [], found.status == _NONE
    bins: Bins = [[] for _ in range(count)]
    for place in np.flatnonzero(found.x > 0.5):
        bins[int(one[place])].append(order[int(item[place])])
    return [some for some in bins if some], False
