"""First imports that several threads need, made in one thread before they do.

Python lets a thread see a module that another one is still importing where the two would wait for
each other; packages whose parts import each other (psycopg, scipy) then fail with "partially
initialized module". So whoever starts threads, or is called in several, names what they import
within functions and calls :func:`preload` first.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable

_LOCK = threading.RLock()


def preload(modules: Iterable[str]) -> None:
    """Import modules, one thread at a time; costs microseconds when they are there.

    A module that cannot be imported is left to those who need it: their error says what for.
    """
    with _LOCK:
        for name in modules:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
