"""Files that cannot be used: each is kept with its error, and never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from platform_assets.core.errors import WeirError

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class BrokenFile:
    """A file that cannot be used.

    Attributes:
        kind: what it was meant to be: contract, source, report, anomaly stream.
        path: the file.
        error: why it cannot be used, with line and rule.
    """

    kind: str
    path: Path
    error: WeirError

    @property
    def name(self) -> str:
        """The name that the file gives to what it defines."""
        return self.path.parent.name if self.path.name == "defs.yaml" else self.path.stem

    def refuse(self) -> NoReturn:
        """Raise the file's error again.

        Raises:
            WeirError: always; of the class that the reader raised.
        """
        raise self.error.with_traceback(None)


class Loaded(dict[K, V]):
    """What could be read, by name; ``broken`` holds the rest.

    Asking for a broken one by its name raises its error, not a ``KeyError``: "there is no such
    topic" would lead nowhere.
    """

    broken: tuple[BrokenFile, ...] = ()

    def __missing__(self, key: K) -> V:
        for file in self.broken:
            if file.name == str(key):
                file.refuse()
        raise KeyError(key)


def load_each(
    kind: str, paths: Iterable[Path], read: Callable[[Path], tuple[K, V]]
) -> Loaded[K, V]:
    """Read each file by itself.

    Args:
        kind: what the files define, e.g. ``contract``.
        paths: the files.
        read: one file -> its name and what it defines.
    """
    loaded: Loaded[K, V] = Loaded()
    broken = []
    for path in paths:
        try:
            name, value = read(path)
        except Exception as error:  # noqa: BLE001 (a fault in a check must not stop the others)
            broken.append(broken_file(kind, path, error))
        else:
            loaded[name] = value
    loaded.broken = tuple(broken)
    return loaded


def broken_file(kind: str, path: Path, error: Exception) -> BrokenFile:
    """A file with its error; one that is not Weir's gets the file's name put before it."""
    if isinstance(error, WeirError):
        return BrokenFile(kind, path, error)
    text = " ".join(str(error).split())
    return BrokenFile(kind, path, WeirError(f"{kind} {path}: {type(error).__name__}: {text}"))
