"""A shop whose orders come and change; the same seed gives the same story."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

CITIES: Final = ("Aachen", "Bergen", "Coimbra", "Dublin", "Évora", "Freiburg", "Gdańsk", "Haarlem")
_STATES: Final = ("new", "paid", "shipped", "delivered")
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Order:
    """An order as it is now.

    Attributes:
        id: grows.
        email: of the customer.
        city: where it goes.
        amount: in euro.
        status: new, paid, shipped, delivered.
        changed_at: of its last change, UTC; no two changes have the same.
    """

    id: int
    email: str
    city: str
    amount: float
    status: str
    changed_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it is not delivered yet."""
        return self.status != _STATES[-1]

    def as_json(self) -> dict[str, Any]:
        """With the moment as text."""
        return {**asdict(self), "changed_at": self.changed_at.isoformat(timespec="microseconds")}


Heard = Callable[[Order], None]
"""Told of each order that is new or has changed."""


class Shop:
    """Orders that change as time passes; safe to share between threads.

    Attributes:
        now: moment of the last change.
    """

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311 - made-up data
        self._lock = threading.Lock()
        self._orders: dict[int, Order] = {}
        self._heard: list[Heard] = []
        self.now = datetime(1970, 1, 1, tzinfo=UTC)

    def tell(self, heard: Heard) -> None:
        """Have someone told of every change from now on."""
        self._heard.append(heard)

    def tick(self) -> Order:
        """A new order, or the next state of one that is under way."""
        with self._lock:
            # No two changes have one moment: who reads on from a moment misses none.
            now = self.now = max(datetime.now(UTC), self.now + _TICK)
            open_ones = [one for one in self._orders.values() if one.is_open]
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

    def changed_after(self, moment: datetime | None) -> list[Order]:
        """Orders that changed after a moment (None: all), in the order of their changes."""
        with self._lock:
            found = sorted(self._orders.values(), key=lambda one: one.changed_at)
        return [one for one in found if moment is None or one.changed_at > moment]
