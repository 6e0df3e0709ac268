"""Customers' master data as change events: created, updated, deleted, created again."""

from __future__ import annotations

from typing import Any

import numpy as np

from platform_assets.connectors.simulate import world
from platform_assets.connectors.simulate.streams import Drawn

_COLUMNS = ("user_id", "name", "email", "country", "segment")
_CREATE_SHARE = 0.55
_DELETE_SHARE = 0.04
_COUNTRIES = ("DE", "FR", "GB", "ES", "IT", "NL", "PL", "SE", "PT", "AT", "BE", "JP")
_SEGMENTS = ("consumer", "business", "vip")


class Customers:
    """Keeps the present state, so that ``before`` is what ``after`` last was."""

    def __init__(self) -> None:
        self._state: dict[int, dict[str, Any]] = {}
        self._ids: list[int] = []

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`."""
        times = np.sort(world.draw_moments(rng, count, start, end))
        fresh = world.users().draw(rng, count).tolist()
        what, pick, choice = rng.random((3, count)).tolist()
        ops: list[str] = []
        befores: list[dict[str, Any] | None] = []
        afters: list[dict[str, Any] | None] = []
        for row in range(count):
            user_id = fresh[row]
            create = what[row] < _CREATE_SHARE or not self._ids
            if create and user_id not in self._state:
                op: str = "c"
                after: dict[str, Any] | None = world.customer(user_id)
            else:
                if not create:
                    user_id = self._ids[int(pick[row] * len(self._ids))]
                delete = what[row] > 1 - _DELETE_SHARE and user_id in self._state
                op, after = self._change(user_id, delete, choice[row])
            befores.append(self._state.get(user_id))
            afters.append(after)
            ops.append(op)
            self._keep(user_id, after)
        return Drawn(
            times,
            after=_columns(afters),
            ops=ops,
            before=_columns(befores),
            has_after=[image is not None for image in afters],
            has_before=[image is not None for image in befores],
        )

    def _change(
        self, user_id: int, delete: bool, choice: float
    ) -> tuple[str, dict[str, Any] | None]:
        known = self._state.get(user_id)
        if known is None:
            return "c", world.customer(user_id)
        if delete:
            return "d", None
        if choice < 0.4:
            return "u", {**known, "segment": _SEGMENTS[int(choice * 1000) % 3]}
        if choice < 0.7:
            return "u", {**known, "country": _COUNTRIES[int(choice * 1000) % len(_COUNTRIES)]}
        local, _, host = known["email"].partition("@")
        return "u", {**known, "email": f"{local.split('+')[0]}+{int(choice * 1000)}@{host}"}

    def _keep(self, user_id: int, after: dict[str, Any] | None) -> None:
        if after is None:
            del self._state[user_id]
            return
        if user_id not in self._state:
            self._ids.append(user_id)
        self._state[user_id] = after


def _columns(images: list[dict[str, Any] | None]) -> dict[str, list[Any]]:
    return {
        name: [image[name] if image is not None else None for image in images] for name in _COLUMNS
    }
