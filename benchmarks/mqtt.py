"""MQTT at QoS 1: messages a second through the bridge into Kafka, beside the bare client.

Both sides find the same messages in a persistent session of the same Mosquitto, connect, and empty
it; timed is the time from the first message to the last acknowledged. The bare client is paho, as
the bridge uses it: it acknowledges by itself and throws the messages away.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Figure, Options, middle
from benchmarks.live_source import source_in, write_source
from benchmarks.process import in_fresh_process
from benchmarks.stack import private_stack
from platform_assets.connectors.kinds.mqtt.config import MqttConfig
from platform_assets.connectors.kinds.mqtt.connection import Connection
from platform_assets.connectors.seam.pull import StreamOutcome, pull
from platform_assets.core.settings import LOOPBACK, get_settings
from platform_assets.local.wait import wait_until

MESSAGES = 50_000
GOAL = 0.7
PAGE = 2_000
_TOPIC = "bench/rows"
_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def run(options: Options) -> list[Figure]:
    """``mqtt``."""
    count = options.sized(MESSAGES, 1_000)
    with private_stack() as settings, _mosquitto(settings.home / "mosquitto") as port:
        folder = settings.home / "sources"
        write_source(
            folder,
            "mqtt",
            {"host": LOOPBACK, "port": port, "tls": False},
            {"identity": ["_topic", "number"], "options": {"topics": [_TOPIC], "page_rows": PAGE}},
        )
        rates: dict[str, list[float]] = {"bare": [], "bridge": []}
        for number in range(options.repeats):
            for side, found in rates.items():
                client = "weir-bench_live-rows" if side == "bridge" else "bare"
                _fill(port, client, count)
                log = settings.home / "runs" / f"{side}-{number}.log"
                more = {"folder": str(folder)} if side == "bridge" else {"port": port}
                seconds = in_fresh_process(f"benchmarks.mqtt:{side}", log, count=count, **more)
                found.append(count / float(seconds.result))
                options.say(f"mqtt: run {number + 1}, {side}: {found[-1]:,.0f} messages/s")
    value, baseline = middle(rates["bridge"]), middle(rates["bare"])
    return [
        Figure(
            "mqtt",
            value,
            "messages/s",
            baseline,
            value / baseline,
            f"ratio at least {GOAL}",
            value / baseline >= GOAL if options.scale >= 1 else None,
            {
                "messages": count,
                "runs": options.repeats,
                "rates": [round(rate) for rate in rates["bridge"]],
                "baseline_rates": [round(rate) for rate in rates["bare"]],
            },
        )
    ]


def bridge(folder: str, count: int) -> float:
    """Seconds that the connector takes from the first message to the last one's commit."""
    source, stop = source_in(Path(folder)), threading.Event()
    taken = Connection.take
    begun: list[float] = []

    def timed(self: Connection, *args: Any) -> Any:
        messages = taken(self, *args)
        if messages and not begun:
            begun.append(messages[0].received.timestamp())
        return messages

    Connection.take = timed  # type: ignore[method-assign]
    ended = 0.0

    def told(outcome: StreamOutcome) -> None:
        nonlocal ended
        if outcome.records >= count:
            ended = time.time()
            stop.set()

    (outcome,) = pull(get_settings(), source, stop=stop, told=told)
    assert outcome.error is None, outcome.error
    return ended - begun[0]


def bare(port: int, count: int) -> float:
    """Seconds that paho takes from the first message to the last one's acknowledgement."""
    client = _client("bare")
    seen, begun = 0, 0.0
    done = threading.Event()

    def arrived(*_: Any) -> None:
        nonlocal seen, begun
        begun = begun or time.time()
        seen += 1
        if seen >= count:
            done.set()

    client.on_message = arrived
    client.connect(LOOPBACK, port, clean_start=False, properties=_session())
    client.loop_start()
    assert done.wait(600)
    ended = time.time()
    client.disconnect()
    client.loop_stop()
    return ended - begun


def _client(name: str) -> Any:
    from paho.mqtt.client import Client, MQTTv5
    from paho.mqtt.enums import CallbackAPIVersion

    return Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv5)


def _session() -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = 2 * PAGE
    return properties


def _fill(port: int, client: str, count: int) -> None:
    """Begin the session, and let that many messages wait in it."""
    config = MqttConfig(host=LOOPBACK, port=port, tls=False, session_seconds=3600)
    with Connection(config, "bench", client, [_TOPIC]):
        pass
    publisher = _client("")
    publisher.max_inflight_messages_set(1_000)
    publisher.connect(LOOPBACK, port)
    publisher.loop_start()
    body = {"city": "Ulm", "note": "x" * 150}
    sent = [publisher.publish(_TOPIC, orjson.dumps({"number": n, **body}), 1) for n in range(count)]
    for one in sent:
        one.wait_for_publish(300)
    publisher.disconnect()
    publisher.loop_stop()


@contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    """A broker on loopback; the port."""
    program = shutil.which("mosquitto", path=_PLACES)
    assert program, "no mosquitto: install Debian's package"
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} {LOOPBACK}\nallow_anonymous true\npersistence false\n"
        "max_queued_messages 10000000\nmax_queued_bytes 0\n"
    )
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0

    try:
        wait_until(listens, what="Mosquitto", timeout=20, every=0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)
