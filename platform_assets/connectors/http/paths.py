"""What stands at a path of a JSON document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"\[(\*|\d+|\w+=[^\]]+)\]|\['([^']+)'\]|([^.\[\]]+)")


def at(value: Any, path: str) -> Any:
    """What stands at a path.

    Paths: ``data.items``, ``edges[*].node``, ``list[0]``, ``['a.b']``, ``links[rel=next].href``.
    An empty path is the whole. A name that is not there gives None; ``[*]`` gives a list.
    """
    return _at(value, _steps(path))


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[tuple[str | None, str | None], ...]:
    """Each an index or a name; parsed once, for it is asked of every record."""
    return tuple((one[1], one[2] or one[3]) for one in _STEP.finditer(path.removeprefix("$")))


def _at(value: Any, steps: Sequence[tuple[str | None, str | None]]) -> Any:
    for number, (index, name) in enumerate(steps):
        if index == "*":
            rest = steps[number + 1 :]
            return [_at(one, rest) for one in value] if isinstance(value, list) else None
        if index is not None and "=" in index:
            value = _with(value, *index.split("=", 1))
        elif index is not None:
            value = value[int(index)] if _has(value, int(index)) else None
        elif isinstance(value, Mapping):
            value = value.get(name)
        else:
            return None
    return value


def _has(value: Any, index: int) -> bool:
    return isinstance(value, list) and index < len(value)


def _with(value: Any, name: str, wanted: str) -> Any:
    """The first object of a list whose field has this value."""
    found = value if isinstance(value, list) else []
    return next(
        (one for one in found if isinstance(one, Mapping) and one.get(name) == wanted), None
    )
