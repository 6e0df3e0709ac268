"""The shop's webhooks: each change signed after Standard Webhooks, sent until it is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
import uuid

import httpx

from platform_assets.connectors.simulate.outside.shop import Order
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_PREFIX = "whsec_"
_TIMEOUT_SECONDS = 15
_RETRY = Retry(attempts=None, seconds=600, pause=1, longest=10)


class _NotTakenError(Exception):
    """The receiver is not there yet, or asks to come again."""


class Hooks:
    """Sends orders to an address, one after the other.

    Args:
        url: of the receiver.
        secret: name of the secret, ``whsec_`` and base64.
        stop: ends it.
    """

    def __init__(self, url: str, secret: str, stop: threading.Event) -> None:
        self._url, self._stop = url, stop
        self._key = base64.b64decode(read_secret(secret).removeprefix(_PREFIX))
        self._waiting: queue.Queue[Order] = queue.Queue(maxsize=10_000)
        threading.Thread(target=self._keep, name="hooks", daemon=True).start()

    def send(self, order: Order) -> None:
        """Have it sent; one that finds the queue full is not told."""
        if not self._waiting.full():
            self._waiting.put_nowait(order)

    def _keep(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
            while not self._stop.is_set():
                try:
                    order = self._waiting.get(timeout=1)
                except queue.Empty:
                    continue
                number = f"msg_{uuid.uuid4().hex}"
                _RETRY.on((_NotTakenError, httpx.TransportError))(
                    self._post, client, number, json.dumps(order.as_json()).encode()
                )

    def _post(self, client: httpx.Client, number: str, body: bytes) -> None:
        moment = str(int(time.time()))
        signed = b".".join([number.encode(), moment.encode(), body])
        digest = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{digest}",
        }
        answer = client.post(self._url, content=body, headers=headers)
        if answer.status_code >= 300 and not self._stop.is_set():
            raise _NotTakenError(answer.status_code)
