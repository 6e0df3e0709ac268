"""A shop whose orders come and change; the same seed gives the same story."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

CITIES: Final = ("Aachen", "Bergen", "Coimbra", "Dublin", "Évora", "Freiburg", "Gdańsk", "Haarlem")
_STATES: Final = ("new", "paid", "shipped", "delivered")


@dataclass(frozen=True)
class Order:
    """An order as it is now.

    Attributes:
        id: grows.
        email: of the customer.
        city: where it goes.
        amount: in euro.
        status: new, paid, shipped, delivered.
        changed_at: of its last change, UTC.
    """

    id: int
    email: str
    city: str
    amount: float
    status: str
    changed_at: datetime

    def as_json(self) -> dict[str, Any]:
        """With the moment as text."""
        return {**asdict(self), "changed_at": self.changed_at.isoformat(timespec="microseconds")}


Heard = Callable[[Order], None]
"""Told of each order that is new or has changed."""


class Shop:
    """Orders that change as time passes; safe to share between threads."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311 - made-up data
        self._lock = threading.Lock()
        self._orders: dict[int, Order] = {}
        self._heard: list[Heard] = []

    def tell(self, heard: Heard) -> None:
        """Have someone told of every change from now on."""
        self._heard.append(heard)

    def tick(self) -> Order:
        """A new order, or the next state of one that is under way."""
        with self._lock:
            now = datetime.now(UTC)
            open_ones = [one for one in self._orders.values() if one.status != _STATES[-1]]
            if open_ones and self._random.random() < 0.5:
                old = self._random.choice(open_ones)
                status = _STATES[_STATES.index(old.status) + 1]
                order = replace(old, status=status, changed_at=now)
            else:
                number = len(self._orders) + 1
                order = Order(
                    number,
                    f"customer{self._random.randrange(500)}@shop.example",
                    self._random.choice(CITIES),
                    round(self._random.lognormvariate(3.5, 0.8), 2),
                    _STATES[0],
                    now,
                )
            self._orders[order.id] = order
        for heard in self._heard:
            heard(order)
        return order

    def changed_since(self, moment: datetime | None, after: int = 0) -> list[Order]:
        """Orders that changed at or after a moment, in the order of their changes.

        Args:
            moment: None for all.
            after: of the orders of that very moment only those with a greater id.
        """
        with self._lock:
            found = sorted(self._orders.values(), key=lambda one: (one.changed_at, one.id))
        if moment is None:
            return found
        return [one for one in found if (one.changed_at, one.id) > (moment, after)]
