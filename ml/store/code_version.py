"""Which code trained a model: the commit, or the package's version."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

from platform_assets.core.settings import REPOSITORY


def code_version() -> str:
    """The commit of the checkout this code runs from, else the package's version.

    ``-dirty`` is added where tracked files differ from the commit. A repository around an installed
    package is not its checkout.
    """
    top = _git("rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != REPOSITORY:
        return f"weir {metadata.version('weir')}"
    dirty = _git("status", "--porcelain", "--untracked-files=no")
    return f"{_git('rev-parse', 'HEAD')}{'-dirty' if dirty else ''}"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(REPOSITORY), *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
