"""Webhooks: from a delivery's due time to its answer, which Kafka's commit precedes.

First 1,000 signed deliveries a second; each is timed from when it was due, so a server that stalls
is not spared. Then 200 a second while Kafka is restarted: each is sent until it is answered 2xx,
and every one that was must be in the log.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import uvloop

from benchmarks.figures import Figure, Options
from benchmarks.live_source import SOURCE, STREAM, event_ids, reading, write_source
from benchmarks.load import Client, Sent, percentile, steady
from benchmarks.stack import private_stack
from platform_assets.connectors.envelope import event_id
from platform_assets.core.settings import Settings
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until

RATE = 1_000
SECONDS = 60
RESTART_RATE, RESTART_SECONDS = 200, 20
CONNECTIONS = 128
GOAL_MS = 50.0
_KEY = b"a secret of 24 bytes...."
_PATH = f"/hooks/{SOURCE}/{STREAM}"


def run(options: Options) -> list[Figure]:
    """``webhook``."""
    os.environ["WEIR_BENCH_HOOK"] = f"whsec_{base64.b64encode(_KEY).decode()}"
    seconds = options.sized(SECONDS, 3)
    with private_stack() as settings, TemporaryDirectory() as folder:
        write_source(
            Path(folder),
            "webhook",
            {"secrets": ["WEIR_BENCH_HOOK"], "answer_seconds": 2},
            {"identity": ["_delivery_id"]},
        )
        with reading(Path(folder), settings.home / "runs" / "reader.log"):
            uvloop.run(_ready(settings.webhook_port))
            uvloop.run(_load(settings.webhook_port, "warm", 200, 3))
            options.say(f"webhook: {RATE:,} requests/s for {seconds} s")
            sent = uvloop.run(_load(settings.webhook_port, "load", RATE, seconds))
            options.say(f"webhook: {RESTART_RATE} requests/s while Kafka restarts")
            tries, refused = _through_a_restart(settings)
        ids = event_ids(settings)
    wanted = [("load", one) for one in range(RATE * seconds)]
    wanted += [("restart", one) for one in range(RESTART_RATE * RESTART_SECONDS)]
    logged = set(ids)
    lost = sum(event_id(SOURCE, _id(kind, n)).encode() not in logged for kind, n in wanted)
    not_ok = sum(one.status != 200 for one in sent)
    p99 = percentile(sent, 99)
    ended = max(one.at + one.seconds for one in sent) - min(one.at for one in sent)
    return [
        Figure(
            "webhook",
            p99,
            "ms (p99)",
            GOAL_MS,
            p99 / GOAL_MS,
            f"p99 under {GOAL_MS:.0f} ms at {RATE:,}/s, none lost",
            p99 < GOAL_MS and not lost and not not_ok if options.scale >= 1 else None,
            {
                "p50_ms": round(percentile(sent, 50), 2),
                "p95_ms": round(percentile(sent, 95), 2),
                "requests": len(sent),
                "requests_per_second": round(len(sent) / ended),
                "not_accepted": not_ok,
                "lost": lost,
                "repeated_in_log": len(ids) - len(logged),
                "restart_requests": RESTART_RATE * RESTART_SECONDS,
                "restart_tries": tries,
                "restart_turned_away": refused,
            },
        )
    ]


def _id(kind: str, number: int) -> str:
    return f"{kind}-{number}"


def _body(number: int) -> bytes:
    return orjson.dumps({"number": number, "city": "Ulm", "note": "x" * 300})


def _headers(kind: str) -> Callable[[int, bytes], bytes]:
    def headers(number: int, body: bytes) -> bytes:
        identity, moment = _id(kind, number), str(int(time.time()))
        signed = f"{identity}.{moment}.".encode() + body
        signature = base64.b64encode(hmac.new(_KEY, signed, hashlib.sha256).digest())
        return (
            f"webhook-id: {identity}\r\nwebhook-timestamp: {moment}\r\n"
            f"webhook-signature: v1,{signature.decode()}\r\n"
        ).encode()

    return headers


async def _ready(port: int) -> None:
    """Wait until the source is read."""
    client, headers = Client(port), _headers("first")
    deadline = time.monotonic() + 60
    body = _body(0)
    while (await client.post(_PATH, body, headers(0, body)))[0] != 200:
        assert time.monotonic() < deadline, "the source is not read"
        await asyncio.sleep(0.2)
    client.close()


async def _load(port: int, kind: str, rate: float, seconds: float) -> list[Sent]:
    return await steady(
        port,
        _PATH,
        _body,
        rate=rate,
        seconds=seconds,
        connections=CONNECTIONS,
        headers=_headers(kind),
    )


def _through_a_restart(settings: Settings) -> tuple[int, int]:
    """Restart Kafka under load; tries, and how many were not answered 2xx."""
    restart = threading.Timer(3.0, supervise.restart, (settings, "kafka"))
    restart.start()
    tries, refused = uvloop.run(_persistent(settings.webhook_port))
    restart.join()
    wait_until(
        lambda: supervise.status(settings, ["kafka"])[0].health == "ready",
        what="Kafka ready again", timeout=120,
    )  # fmt: skip
    return tries, refused


async def _persistent(port: int) -> tuple[int, int]:
    """Each delivery at its time, and again until it is answered 2xx."""
    headers, begin = _headers("restart"), time.perf_counter()
    numbers = iter(range(RESTART_RATE * RESTART_SECONDS))
    tries = refused = 0

    async def work() -> None:
        nonlocal tries, refused
        client = Client(port)
        for number in numbers:
            await asyncio.sleep(max(0.0, begin + number / RESTART_RATE - time.perf_counter()))
            body = _body(number)
            while True:
                tries += 1
                status, _ = await client.post(_PATH, body, headers(number, body))
                if status == 200:
                    break
                refused += 1
                await asyncio.sleep(0.5)
        client.close()

    await asyncio.wait_for(asyncio.gather(*(work() for _ in range(256))), 240)
    return tries, refused
