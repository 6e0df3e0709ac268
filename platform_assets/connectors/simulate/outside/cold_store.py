"""The shop's cold store: sensors that publish a temperature a second, each with its number."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from platform_assets.core.settings import LOOPBACK

if TYPE_CHECKING:
    from paho.mqtt.client import Client

SENSORS: Final = ("door", "evaporator", "shelf_a", "shelf_b")
EVERY_SECONDS = 1.0
_MEAN, _PULL, _NOISE = -18.0, 0.1, 0.2


class ColdStore:
    """Publishes at QoS 1; what a broker that is away has not taken waits.

    Args:
        port: of the broker, on loopback.
        stop: ends it.
        seed: the same one gives the same temperatures.
    """

    def __init__(self, port: int, stop: threading.Event, seed: int = 7) -> None:
        self._port, self._stop = port, stop
        self._random = random.Random(seed)  # noqa: S311 - made-up data
        self._celsius = dict.fromkeys(SENSORS, _MEAN)
        self._number = 0

    def start(self) -> None:
        """Publish in a thread."""
        threading.Thread(target=self._keep, name="cold-store", daemon=True).start()

    def readings(self) -> dict[str, dict[str, Any]]:
        """The next reading of each sensor: its number, from 1 on, degrees Celsius, the moment."""
        self._number += 1
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        for sensor, before in self._celsius.items():
            drift = _PULL * (_MEAN - before) + self._random.gauss(0, _NOISE)
            self._celsius[sensor] = round(before + drift, 2)
        return {
            sensor: {"number": self._number, "celsius": celsius, "at": at}
            for sensor, celsius in self._celsius.items()
        }

    def _keep(self) -> None:
        client = self._client()
        while not self._stop.wait(EVERY_SECONDS):
            for sensor, reading in self.readings().items():
                client.publish(f"shop/cold-store/{sensor}", json.dumps(reading), qos=1)
        client.disconnect()
        client.loop_stop()

    def _client(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, "cold-store", clean_session=False)
        client.connect_async(LOOPBACK, self._port)
        # Connects, and connects again, by itself.
        client.loop_start()
        return client
