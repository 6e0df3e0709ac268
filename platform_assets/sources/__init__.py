"""The source instances: each is one folder, and everything about it is in there.

Belongs here: ``<name>/defs.yaml``, the mapping, and the contract of a topic that only this source
feeds. Does not belong here: code; component types are in ``graph/components.py``, the reading of
files in ``connectors/``.
"""

from __future__ import annotations

from pathlib import Path


def definition_files() -> list[Path]:
    """``defs.yaml`` of every source folder, by path; one that is not there is named, too."""
    return [folder / "defs.yaml" for folder in _folders()]


def contract_files() -> list[Path]:
    """The contracts of topics that one source feeds alone, by path."""
    found = (path for folder in _folders() for path in sorted(folder.glob("*.yaml")))
    return [path for path in found if path.name != "defs.yaml"]


def _folders() -> list[Path]:
    # The package's own search path: a folder that is added there is read and imported alike.
    found = (path for root in __path__ for path in Path(root).iterdir() if path.is_dir())
    return sorted(path for path in found if path.name[0] not in "._" and any(path.iterdir()))
