"""HTTP load on one address: keep-alive connections, as little work as can be.

Belongs here: sending and timing. Does not belong here: which server, and what the figures mean.
The same client drives both sides of a comparison, and tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

TIMEOUT_SECONDS = 30.0
"""How long the last answers may take after the time is over; then the whole load is an error."""
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Sent:
    """One request.

    Attributes:
        at: when it was due or sent (``time.perf_counter``).
        seconds: from then to the last byte of its answer.
        status: of the answer; 0 where there was none.
        body: of the answer.
    """

    at: float
    seconds: float
    status: int
    body: bytes


class Client(asyncio.Protocol):
    """One connection, one request at a time; opened anew after it was lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._content = b""

    async def post(self, path: str, body: bytes, headers: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer; 0 and the error's name where the connection failed.

        Args:
            path: to post to.
            body: JSON.
            headers: further ones, each with its end of line.
        """
        loop = asyncio.get_running_loop()
        try:
            if self._transport is None:
                self._transport, _ = await loop.create_connection(lambda: self, HOST, self._port)
            self._answer = loop.create_future()
            self._transport.write(
                b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n"
                b"%bContent-Length: %d\r\n\r\n%b"
                % (path.encode(), HOST.encode(), headers, len(body), body)
            )
            return await self._answer
        except OSError as error:
            self.close()
            return 0, repr(error).encode()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
        self._transport, self._content = None, b""

    def data_received(self, data: bytes) -> None:
        """More of an answer."""
        self._content += data
        head, end, body = self._content.partition(b"\r\n\r\n")
        if not end:
            return
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._content = b""
        if b"\r\nconnection: close" in lower:
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head.split(b" ", 2)[1]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """The server went away; a request that waits has failed."""
        self._transport, self._content = None, b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed"))


async def steady(
    port: int,
    path: str,
    body: Callable[[int], bytes],
    *,
    rate: float,
    seconds: float,
    connections: int = 16,
    headers: Callable[[int, bytes], bytes] = lambda _number, _body: b"",
) -> list[Sent]:
    """Requests at a fixed rate, whatever the server does: a late one is timed from when it was due.

    Args:
        port: on loopback.
        path: to post to.
        body: of the n-th request.
        rate: requests a second.
        seconds: how long.
        connections: most that are open.
        headers: of the n-th request and its body.
    """
    clients = [Client(port) for _ in range(connections)]
    begin = time.perf_counter()
    numbers = iter(range(round(rate * seconds)))

    async def work(client: Client) -> list[Sent]:
        done = []
        for number in numbers:
            due = begin + number / rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            sent = body(number)
            status, answer = await client.post(path, sent, headers(number, sent))
            done.append(Sent(due, time.perf_counter() - due, status, answer))
        return done

    return await _all(clients, seconds, work)


async def saturated(
    port: int,
    path: str,
    body: Callable[[int], bytes],
    *,
    seconds: float,
    connections: int = 8,
) -> list[Sent]:
    """Requests as fast as answers come, each connection sending the next after its answer."""
    clients = [Client(port) for _ in range(connections)]
    end = time.perf_counter() + seconds
    count = iter(range(1 << 62))

    async def work(client: Client) -> list[Sent]:
        done = []
        while (at := time.perf_counter()) < end:
            status, answer = await client.post(path, body(next(count)))
            done.append(Sent(at, time.perf_counter() - at, status, answer))
        return done

    return await _all(clients, seconds, work)


async def _all(
    clients: Sequence[Client], seconds: float, work: Callable[[Client], Awaitable[list[Sent]]]
) -> list[Sent]:
    try:
        lists = await asyncio.wait_for(
            asyncio.gather(*(work(client) for client in clients)), seconds + TIMEOUT_SECONDS
        )
    finally:
        for client in clients:
            client.close()
    return sorted((sent for done in lists for sent in done), key=lambda sent: sent.at)


def percentile(sent: Sequence[Sent], q: float) -> float:
    """Milliseconds at a percentile, by nearest rank."""
    ordered = sorted(one.seconds for one in sent)
    return 1000 * ordered[min(len(ordered) - 1, int(q / 100 * len(ordered)))]
