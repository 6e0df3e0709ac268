"""Become one server: what the supervisor runs for each of them.

Secrets are read here, from their files, so the supervisor's configuration holds none.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import psutil

from platform_assets.core.files import write_file
from platform_assets.core.settings import get_settings
from platform_assets.local.class_archive import archived
from platform_assets.local.java import java
from platform_assets.local.model import run_dir
from platform_assets.local.private import UMASK
from platform_assets.local.servers import catalogue


def main(name: str) -> None:
    """Replace this process by the server ``name``."""
    settings = get_settings()
    server = catalogue(settings)[name]
    # A parent started with nohup leaves INT and TERM ignored, and exec would pass that on.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    environment = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    environment.update(server.environment())
    record = {"pid": os.getpid(), "created": psutil.Process().create_time()}
    write_file(run_dir(settings) / "pids" / f"{name}.json", json.dumps(record))
    os.umask(UMASK)
    os.nice(server.niceness)
    command = list(server.command)
    if command[0] == java():
        command = archived(name, command, settings.cache, record=True)
    os.chdir(server.folder)
    os.execvpe(command[0], command, environment)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
