"""The home is its owner's alone: data, logs and secrets are for nobody else on the machine."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from platform_assets.core.settings import Settings

UMASK = 0o077
"""Of every process of Weir's: what it makes is readable by its owner only."""
_OTHERS, _GROUP = stat.S_IRWXO, stat.S_IRWXG


def close_home(settings: Settings) -> None:
    """Take from everybody else what they may do in the home and in the lake.

    A home of an earlier release is gone through once, file by file; from then on its own mode says
    that it is done. Folders that the settings place outside the home may be shared with a group on
    purpose: there only strangers lose their rights.

    Raises:
        OSError: a folder cannot be made, or the home belongs to somebody else.
    """
    home = settings.home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for root in (settings.lake_root, settings.reports_root, settings.models_root):
        folder = Path(root)
        if root.startswith("/") and not folder.is_relative_to(home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _take(folder, _OTHERS)
    if not home.stat().st_mode & (_OTHERS | _GROUP):
        return
    # From the top down, so that a whole tree is out of reach as soon as its folder is; the home
    # itself last, so that an interrupted walk is taken up again.
    for place, folders, files in os.walk(home):
        for name in (*folders, *files):
            # Running servers rename and remove files meanwhile.
            with suppress(FileNotFoundError):
                _take(Path(place, name), _OTHERS | _GROUP)
    _take(home, _OTHERS | _GROUP)


def _take(path: Path, rights: int) -> None:
    mode = path.lstat().st_mode
    # A link has no mode of its own, and what it leads to may be somebody else's.
    if not stat.S_ISLNK(mode) and mode & rights:
        path.chmod(stat.S_IMODE(mode) & ~rights)
