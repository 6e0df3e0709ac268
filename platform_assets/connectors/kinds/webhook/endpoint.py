"""One address at which deliveries arrive: what waits there for Kafka, and what came lately.

Belongs here: the queue between the server's thread and the reader's, ids that repeat, counts. Does
not belong here: HTTP itself (:mod:`.receiver`), rows (:mod:`.reader`).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from platform_assets.connectors.kinds.webhook.bodies import Read, json_object
from platform_assets.connectors.kinds.webhook.signatures import Scheme

REGISTRY = CollectorRegistry()
"""What the receiver tells at ``GET /metrics``."""
DELIVERIES = Counter(
    "weir_webhook_deliveries",
    "Deliveries by what became of them: accepted, repeated, unsigned, refused or turned_away.",
    ("source", "stream", "result"),
    registry=REGISTRY,
)
_REMEMBERED = 50_000
_REMEMBERED_SECONDS = 3600.0
BUSY = 503


@dataclass(eq=False)
class Delivery:
    """A delivery that waits for its answer.

    Attributes:
        id: of the sender.
        type: of the event.
        headers: those that the stream keeps: column -> value.
        documents: the rows that the body is: one where it is a JSON object, none where it cannot
            be read.
        body: its text.
        reason: why it is no row, or empty.
        received: when.
        answer: the HTTP status, once it is known.
        loop: in which that is awaited.
    """

    id: str
    type: str | None
    headers: Mapping[str, str | None]
    documents: Sequence[Mapping[str, Any]]
    body: bytes
    reason: str
    answer: asyncio.Future[int]
    loop: asyncio.AbstractEventLoop
    received: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def settled(self) -> int:
        """The status once its row, or its dead letter, is in the log."""
        return 400 if self.reason else 200


@dataclass(frozen=True)
class Limits:
    """Of one address.

    Attributes:
        body_bytes: of a body.
        waiting, waiting_bytes: deliveries that wait for Kafka, and their bodies.
        answer_seconds: after which a sender is told to come again.
        tolerance_seconds: by which a signed moment may differ from now.
    """

    body_bytes: int
    waiting: int
    waiting_bytes: int
    answer_seconds: float
    tolerance_seconds: float


Reads = Callable[[Mapping[str, str], bytes], Read]
"""Of headers and body: what it is."""


class Endpoint:
    """An address; open while its stream is read.

    ``offer``, ``known`` and ``count`` are for the server's thread, all else for the reader's.

    Attributes:
        scheme: of its senders.
        keys: any of which may sign.
        limits: see :class:`Limits`.
        headers: that are kept, in lower case.
        reads: what a body is.
        arriving: bytes of bodies that are not yet complete.
    """

    def __init__(
        self,
        source: str,
        stream: str,
        *,
        scheme: Scheme,
        keys: Sequence[bytes],
        limits: Limits,
        headers: Sequence[str] = (),
        reads: Reads = json_object,
    ) -> None:
        self.scheme, self.keys, self.limits, self.reads = scheme, tuple(keys), limits, reads
        self.headers = tuple(name.lower() for name in headers)
        self.arriving = 0
        self._labels = (source, stream)
        self._lock = threading.Condition()
        self._waiting: OrderedDict[Delivery, None] = OrderedDict()
        self._taken: list[Delivery] = []
        self._bytes = 0
        self._open = True
        # Both belong to the server's thread.
        self._pending: dict[str, Delivery] = {}
        self._recent: OrderedDict[str, tuple[float, int]] = OrderedDict()

    @property
    def open(self) -> bool:
        """Whether a reader takes what arrives."""
        return self._open

    def count(self, result: str) -> None:
        """Count a delivery."""
        DELIVERIES.labels(*self._labels, result).inc()

    def counted(self, result: str) -> int:
        """How many there were since the process began."""
        return int(DELIVERIES.labels(*self._labels, result)._value.get())

    def known(self, identity: str) -> int | asyncio.Future[int] | None:
        """What a delivery of that id was answered lately, or will be."""
        if (pending := self._pending.get(identity)) is not None:
            return pending.answer
        at, status = self._recent.get(identity, (0.0, 0))
        return status if status and time.monotonic() - at < _REMEMBERED_SECONDS else None

    def offer(self, delivery: Delivery) -> bool:
        """Let it wait for Kafka; False where too many do, or nobody reads."""
        with self._lock:
            full = (
                len(self._waiting) >= self.limits.waiting
                or self._bytes + len(delivery.body) > self.limits.waiting_bytes
            )
            if full or not self._open:
                return False
            self._waiting[delivery] = None
            self._bytes += len(delivery.body)
            self._lock.notify()
        self._pending[delivery.id] = delivery
        return True

    def withdraw(self, delivery: Delivery) -> None:
        """Its sender was told to come again: leave it out, unless it is on its way to Kafka."""
        with self._lock:
            if delivery not in self._waiting:
                return
            del self._waiting[delivery]
            self._bytes -= len(delivery.body)
        self._pending.pop(delivery.id, None)

    def take(self, most: int, linger: float, patience: float) -> list[Delivery]:
        """Deliveries that wait, oldest first; they are settled or failed later.

        Args:
            most: so many at most.
            linger: seconds to wait for more once there is one.
            patience: seconds to wait for the first.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: self._waiting or not self._open, patience):
                return []
            self._lock.wait_for(lambda: len(self._waiting) >= most or not self._open, linger)
            while self._waiting and len(self._taken) < most:
                delivery, _ = self._waiting.popitem(last=False)
                self._bytes -= len(delivery.body)
                self._taken.append(delivery)
            return list(self._taken)

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """They are in the log: answer their senders."""
        done = set(deliveries)
        with self._lock:
            self._taken = [one for one in self._taken if one not in done]
        self._answer(deliveries, None)

    def close(self) -> None:
        """Turn away those who wait, and who comes from now on."""
        with self._lock:
            self._open = False
            left = [*self._taken, *self._waiting]
            self._taken, self._bytes = [], 0
            self._waiting.clear()
            self._lock.notify_all()
        self._answer(left, BUSY)

    def _answer(self, deliveries: Sequence[Delivery], status: int | None) -> None:
        if not deliveries:
            return

        def answer() -> None:
            now = time.monotonic()
            for one in deliveries:
                self._pending.pop(one.id, None)
                if status is None:
                    self._recent[one.id] = (now, one.settled)
                if not one.answer.done():
                    one.answer.set_result(one.settled if status is None else status)
            while len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)

        # One call for all of them; where the loop has ended, so have their connections.
        try:
            deliveries[0].loop.call_soon_threadsafe(answer)
        except RuntimeError:
            return
