"""A sender of webhooks: signs as each scheme does, and sends again until it is answered 2xx."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx

from platform_assets.connectors.kinds.webhook.signatures import Scheme


def signed(scheme: Scheme, key: bytes, body: bytes, *, identity: str, now: float) -> dict[str, str]:
    """The headers of a delivery, as its sender writes them."""
    moment = str(int(now))
    prefix, _, suffix = scheme.signed.partition("{body}")
    message = b"".join(
        [
            prefix.format(id=identity, timestamp=moment).encode(),
            body,
            suffix.format(id=identity, timestamp=moment).encode(),
        ]
    )
    digest = hmac.new(key, message, getattr(hashlib, scheme.algorithm)).digest()
    signature = digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
    parts = [f"{scheme.prefix}{signature}"]
    if scheme.timestamp_prefix:
        parts.insert(0, f"{scheme.timestamp_prefix}{moment}")
    headers = {scheme.signature_header: (scheme.separator or " ").join(parts)}
    if scheme.timestamp_header:
        headers[scheme.timestamp_header] = moment
    if scheme.id_header:
        headers[scheme.id_header] = identity
    return headers


class Sender:
    """Sends in threads of its own, one delivery after the other in each.

    Args:
        url: of the address.
        scheme, key: with which it signs.

    Attributes:
        accepted: ids that were answered 2xx.
        told: statuses of all answers; 0 for none.
    """

    def __init__(self, url: str, scheme: Scheme, key: bytes) -> None:
        self.url, self.scheme, self.key = url, scheme, key
        self.accepted: list[str] = []
        self.told: list[int] = []
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def send(
        self, client: httpx.Client, document: Any, identity: str, *, now: float | None = None
    ) -> httpx.Response:
        """Send once."""
        body = json.dumps(document).encode()
        at = time.time() if now is None else now
        headers = signed(self.scheme, self.key, body, identity=identity, now=at)
        headers["content-type"] = "application/json"
        return client.post(self.url, content=body, headers=headers)

    def begin(self, documents: Sequence[tuple[str, Any]]) -> None:
        """Send all of them, each until it is answered 2xx, in the background."""
        thread = threading.Thread(target=self._keep, args=(documents,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def end(self) -> None:
        """Send no more."""
        self._stop.set()
        self.join()

    def join(self, seconds: float = 30) -> None:
        """Wait until everything was answered 2xx."""
        for thread in self._threads:
            thread.join(seconds)
            assert not thread.is_alive(), f"not all answered: {self.told[-5:]}"

    def _keep(self, documents: Sequence[tuple[str, Any]]) -> None:
        with httpx.Client(timeout=20) as client:
            for identity, document in documents:
                while not self._stop.is_set():
                    try:
                        status = self.send(client, document, identity).status_code
                    except httpx.TransportError:
                        status = 0
                    self.told.append(status)
                    if status == 200:
                        self.accepted.append(identity)
                        break
                    self._stop.wait(0.05)
