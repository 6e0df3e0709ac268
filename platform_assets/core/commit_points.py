"""Named commits: a test stops the process before and after each of them.

Whatever must survive a crash commits inside ``with`` its point. The points register themselves,
so a test that asks :func:`registered` for them tries a new one without being changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Literal

_POINTS: dict[str, CommitPoint] = {}
_reached: Callable[[str], None] | None = None


class CommitPoint(AbstractContextManager[None]):
    """One commit of the code, by name; a context around it that may be entered any time."""

    def __init__(self, name: str) -> None:
        """Register it.

        Raises:
            ValueError: another has the name.
        """
        if name in _POINTS:
            raise ValueError(f"commit point {name!r} is registered twice: names are unique")
        _POINTS[name] = self
        self.name = name

    def __enter__(self) -> None:
        """Reach the moment before the commit."""
        _reach(f"before {self.name}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        """Reach the moment after the commit, unless it failed."""
        if kind is None:
            _reach(f"after {self.name}")
        return False


def registered() -> tuple[str, ...]:
    """The moments of all commits of the modules that are imported, in a fixed order."""
    return tuple(f"{moment} {name}" for name in sorted(_POINTS) for moment in ("before", "after"))


@contextmanager
def watching(reached: Callable[[str], None]) -> Iterator[None]:
    """Have each moment that is reached told to a test, which may stop the process there."""
    global _reached  # noqa: PLW0603 - one watcher a process, for tests alone
    _reached = reached
    try:
        yield
    finally:
        _reached = None


def _reach(moment: str) -> None:
    if _reached is not None:
        _reached(moment)
