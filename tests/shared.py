"""Something costly that several test modules use, one after another.

Belongs here: making it once and ending it when the last of its modules is done. Does not belong
here: what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Generic, TypeVar

import pytest

T = TypeVar("T")


class Shared(Generic[T]):
    """One ``T`` for all collected modules whose tests ask for a fixture.

    Args:
        make: makes it; what it leaves behind is cleaned up when the context ends.
        session: of pytest, after collection.
        fixture: name of the session's fixture that is this object.
    """

    def __init__(
        self, make: Callable[[], AbstractContextManager[T]], session: pytest.Session, fixture: str
    ) -> None:
        self._make, self._held = make, ExitStack()
        self._made: list[T] = []
        self._waiting = {
            item.path for item in session.items if fixture in getattr(item, "fixturenames", ())
        }

    def used_by(self, request: pytest.FixtureRequest) -> Iterator[T]:
        """What a module's fixture yields; the first caller makes it, the last one ends it."""
        if not self._made:
            self._made.append(self._held.enter_context(self._make()))
        yield self._made[0]
        self._waiting.discard(request.path)
        if not self._waiting:
            self.end()

    def end(self) -> None:
        """End it if it was made."""
        self._made.clear()
        self._held.close()
