"""Visits to the shop: sessions of views, some of which become carts and purchases.

Belongs here: the funnel. Does not belong here: who visits and what there is (:mod:`.world`).
"""

from __future__ import annotations

import numpy as np

from platform_assets.connectors.simulate import world
from platform_assets.connectors.simulate.streams import Drawn
from platform_assets.connectors.simulate.world import Ints

_CART_RATE = 0.09
_PURCHASE_RATE = 0.34
"""Of carts; about 3 % of views."""
_MEAN_VIEWS = 4.0
_TYPES = np.array(["view", "cart", "purchase"], dtype=object)


class Clickstream:
    """Sessions with daily and weekly season, popular products and busy visitors."""

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`; the last session may be cut short."""
        sessions = int(count / (_MEAN_VIEWS * (1 + _CART_RATE * (1 + _PURCHASE_RATE))) * 1.1) + 8
        views = rng.geometric(1 / _MEAN_VIEWS, sessions)
        of_view = np.repeat(np.arange(sessions), views)
        carted = rng.random(len(of_view)) < _CART_RATE
        bought = carted & (rng.random(len(of_view)) < _PURCHASE_RATE)
        steps = 1 + carted + bought
        if steps.sum() < count:  # a rare draw of short sessions: draw again from where rng stands
            return self.draw(rng, count, start, end)
        view = np.repeat(np.arange(len(of_view)), steps)[:count]
        step = np.arange(len(view)) - (np.cumsum(steps) - steps)[view]
        session = of_view[view]
        product = world.products().draw(rng, len(of_view))[view]
        price = np.where(step == 2, world.prices()[product], 0.0)
        return Drawn(
            times=self._times(rng, session, step, sessions, start, end),
            after={
                "user_id": world.users().draw(rng, sessions)[session].tolist(),
                "product_id": product.tolist(),
                "event_type": _TYPES[step].tolist(),
                "price": price.tolist(),
            },
        )

    def _times(
        self,
        rng: np.random.Generator,
        session: Ints,
        step: Ints,
        sessions: int,
        *span: int,
    ) -> Ints:
        """Begin of the session plus the pauses so far; sessions past the end are moved back."""
        begins = world.draw_moments(rng, sessions, *span)
        pauses = rng.exponential(np.where(step == 2, 120.0, np.where(step == 1, 20.0, 45.0)))
        elapsed = np.cumsum((pauses * world.SECOND).astype(np.int64))
        first = np.concatenate(([0], np.flatnonzero(np.diff(session)) + 1))
        lengths = np.diff(np.append(first, len(session)))
        elapsed -= np.repeat(elapsed[first], lengths)
        last = np.repeat(elapsed[first + lengths - 1], lengths)
        moments = begins[session] + elapsed
        over = np.maximum(begins[session] + last - span[1] + 1, 0)
        return np.asarray(np.maximum(moments - over, span[0]), dtype=np.int64)
