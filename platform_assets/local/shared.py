"""What ``weir run`` put into its servers' environment, for commands in other shells of that home.

It holds while those servers are up: who stops them forgets it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from platform_assets.core.files import write_file
from platform_assets.core.settings import Settings, get_settings
from platform_assets.local.model import run_dir


def share(settings: Settings, variables: Mapping[str, str]) -> None:
    """Take the variables into this process, and keep them for others."""
    os.environ.update(variables)
    write_file(_path(settings), json.dumps(variables))
    get_settings.cache_clear()


def join(settings: Settings) -> None:
    """Take what is shared, but for what this process was given itself."""
    with suppress(FileNotFoundError):
        for name, value in json.loads(_path(settings).read_text()).items():
            os.environ.setdefault(name, value)
        get_settings.cache_clear()


def forget(settings: Settings) -> None:
    """Share nothing any more."""
    _path(settings).unlink(missing_ok=True)


def _path(settings: Settings) -> Path:
    return run_dir(settings) / "environment.json"
