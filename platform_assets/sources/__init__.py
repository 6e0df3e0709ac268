"""The source instances: each is one folder, and everything about it is in there.

Belongs here: ``<name>/defs.yaml``, the mapping, and the contract of a topic that only this source
feeds. Does not belong here: code; component types are in ``graph``, what reads a source in
``connectors``. ``WEIR_SOURCES`` names further folders of such folders.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "WEIR_SOURCES"
"""Environment variable: folders of source folders, beside this one, as ``PATH`` lists them."""

_named: list[str] = []
"""What the variable named when it was last read."""


def definition_files() -> list[Path]:
    """``defs.yaml`` of every source folder, by path; one that is not there is named, too."""
    return [folder / "defs.yaml" for folder in _folders()]


def contract_files() -> list[Path]:
    """The contracts of topics that one source feeds alone, by path."""
    found = (path for folder in _folders() for path in sorted(folder.glob("*.yaml")))
    return [path for path in found if path.name != "defs.yaml"]


def roots() -> list[Path]:
    """The folders of source folders: the package's own, then those that were added.

    New sources go into the last one. Where the package's own is named, that is its place.
    """
    given = [
        str(Path(one).expanduser()) for one in os.environ.get(VARIABLE, "").split(os.pathsep) if one
    ]
    kept = [one for one in __path__ if one not in given and one not in _named]
    __path__[:] = [*kept, *dict.fromkeys(given)]
    _named[:] = given
    return [Path(root) for root in __path__]


def _folders() -> list[Path]:
    # The package's own search path: a folder that is added there is read and imported alike.
    # Beside the package's own folder, one that is named may not be there yet.
    there = (root for root in roots() if root.is_dir())
    found = (path for root in there for path in root.iterdir() if path.is_dir())
    return sorted(path for path in found if path.name[0] not in "._" and any(path.iterdir()))
