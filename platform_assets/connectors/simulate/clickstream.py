"""Visits to the shop: sessions of views, some of which become carts and purchases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platform_assets.connectors.simulate import world
from platform_assets.connectors.simulate.shift import Shift
from platform_assets.connectors.simulate.streams import Drawn
from platform_assets.connectors.simulate.world import Floats, Ints

_CART_RATE = 0.09
_PURCHASE_RATE = 0.34
"""Of carts; about 3 % of views. A visitor puts more or less into the cart than the average."""
_MOST_CARTED = 0.9
_MEAN_VIEWS = 4.0
_PER_SESSION = _MEAN_VIEWS * (1 + _CART_RATE * (1 + _PURCHASE_RATE))
_WARM_UP = 5 * world.MINUTE
"""Sessions under way when live data begins; few last longer."""
_TYPES = np.array(["view", "cart", "purchase"], dtype=object)


@dataclass
class _Events:
    """Events of whole sessions, an array a field."""

    session: Ints
    times: Ints
    user: Ints
    product: Ints
    step: Ints
    price: Floats

    def __len__(self) -> int:
        return len(self.times)

    def pick(self, rows: Ints) -> _Events:
        return _Events(*(getattr(self, name)[rows] for name in _FIELDS))

    def plus(self, other: _Events) -> _Events:
        pairs = ((getattr(self, name), getattr(other, name)) for name in _FIELDS)
        return _Events(*(np.concatenate(pair) for pair in pairs))

    def drawn(self) -> Drawn:
        return Drawn(
            times=self.times,
            after={
                "user_id": self.user.tolist(),
                "product_id": self.product.tolist(),
                "event_type": _TYPES[self.step].tolist(),
                "price": self.price.tolist(),
            },
        )


_FIELDS = ("session", "times", "user", "product", "step", "price")


def _sessions(
    rng: np.random.Generator, sessions: int, start: int, end: int, shift: Shift | None
) -> _Events:
    """Events of sessions that begin in [start, end); they may go on after ``end``."""
    busier = (shift.micros, shift.activity) if shift else None
    begins = world.draw_moments(rng, sessions, start, end, busier)
    user = world.users().draw(rng, sessions)
    views = rng.geometric(1 / _MEAN_VIEWS, sessions)
    of_view = np.repeat(np.arange(sessions), views)
    readiness = world.propensity()[user]
    if shift:
        readiness = readiness * shift.factor("conversion", begins)
    carted = rng.random(len(of_view)) < np.minimum(_CART_RATE * readiness, _MOST_CARTED)[of_view]
    bought = carted & (rng.random(len(of_view)) < _PURCHASE_RATE)
    steps = 1 + carted + bought
    view = np.repeat(np.arange(len(of_view)), steps)
    step = np.arange(len(view)) - (np.cumsum(steps) - steps)[view]
    session = of_view[view]
    product = world.products().draw(rng, len(of_view))[view]
    price = np.where(step == 2, world.prices()[product], 0.0)
    if shift:
        price = (price * shift.factor("price", begins)[session]).round(2)
    pauses = rng.exponential(np.where(step == 2, 120.0, np.where(step == 1, 20.0, 45.0)))
    elapsed = np.cumsum((pauses * world.SECOND).astype(np.int64))
    first = np.flatnonzero(np.diff(session, prepend=-1))
    elapsed -= np.repeat(elapsed[first], np.diff(np.append(first, len(session))))
    return _Events(
        session=session,
        times=begins[session] + elapsed,
        user=user[session],
        product=product,
        step=step,
        price=price,
    )


class Clickstream:
    """Sessions with daily and weekly season, popular products, busy and ready visitors."""

    def __init__(self, shift: Shift | None = None) -> None:
        self._shift = shift

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`; the last session may be cut short."""
        events = _sessions(rng, int(count / _PER_SESSION * 1.1) + 8, start, end, self._shift)
        while len(events) < count:
            events = events.plus(_sessions(rng, 8, start, end, self._shift))
        events = events.pick(np.arange(count))
        # Sessions that would go on after the end are moved back, whole: they keep their order.
        first = np.flatnonzero(np.diff(events.session, prepend=-1))
        lengths = np.diff(np.append(first, count))
        over = np.maximum(events.times[first + lengths - 1] - end + 1, 0)
        events.times = np.maximum(events.times - np.repeat(over, lengths), start)
        return events.drawn()


class LiveClickstream:
    """The same without an end: sessions go on from one call to the next, in order of time."""

    def __init__(self, shift: Shift | None = None) -> None:
        self._shift = shift
        self._waiting: _Events | None = None

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """The next ``count`` events; their times matter as an order only."""
        pool = self._waiting
        begin = start if pool is not None else start - _WARM_UP
        sessions = int(count / _PER_SESSION * (end - begin) / (end - start)) + 1
        fresh = _sessions(rng, sessions, begin, end, self._shift)
        fresh = fresh.pick(np.flatnonzero(fresh.times >= start))
        pool = fresh if pool is None else pool.plus(fresh)
        while len(pool) < count:
            pool = pool.plus(_sessions(rng, sessions, start, end, self._shift))
        order = np.argsort(pool.times, kind="stable")
        self._waiting = pool.pick(order[count:])
        return pool.pick(order[:count]).drawn()
