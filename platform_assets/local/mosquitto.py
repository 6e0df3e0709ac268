"""Mosquitto, the MQTT broker to which the made-up sensors of ``weir run --sources`` publish.

It is Debian's, and takes a tenth of the memory of :mod:`.artemis`, which stands in for it.
"""

from __future__ import annotations

import os
import shutil

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import mqtt
from platform_assets.local.model import Server, config_dir, data_dir

NAME = "mosquitto"
INSTALL = "apt-get install -y mosquitto"

# Debian's folder of servers is not on everybody's PATH.
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def program() -> str | None:
    """The broker's path; None where it is not installed."""
    return shutil.which(NAME, path=os.pathsep.join((os.environ.get("PATH", ""), *_PLACES)))


def server(settings: Settings) -> Server:
    """The catalogue's entry: without TLS or password, as loopback alone reaches it."""
    port = settings.port_base + 15
    config = config_dir(settings, NAME) / "mosquitto.conf"
    return Server(
        name=NAME,
        version="2",
        command=(program() or NAME, "-c", str(config)),
        ports=(port,),
        probe=lambda: mqtt.answers(port),
        folder=settings.home,
        prepare=lambda: _prepare(settings, port),
        scheme="mqtt",
        timeout=30,
        memory_mb=10,
    )


def _prepare(settings: Settings, port: int) -> None:
    if program() is None:
        raise WeirError("mosquitto is not installed", INSTALL)
    data = data_dir(settings, NAME)
    data.mkdir(parents=True, exist_ok=True)
    write_file(
        config_dir(settings, NAME) / "mosquitto.conf",
        f"listener {port} {LOOPBACK}\n"
        "allow_anonymous true\n"
        f"persistence true\npersistence_location {data}/\n"
        # As root it would become another user, to whom the home is closed.
        "user root\nlog_dest stderr\n",
    )
