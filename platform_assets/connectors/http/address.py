"""Connections of HTTP clients to permitted addresses only (:mod:`..seam.addresses`).

A name is resolved once, each address is judged, and the connection goes to an address that was
judged: a name that resolves differently a moment later gains nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore
import httpx

from platform_assets.connectors.seam.addresses import Network, addresses, usable


def aiohttp_connector(allowed: Sequence[Network]) -> Any:
    """The same for aiohttp: it looks at every address that is connected to, redirects included."""
    import aiohttp

    class Guarded(aiohttp.TCPConnector):
        # The public resolver is not asked about addresses that are written out.
        async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[Any]:
            found = await super()._resolve_host(host, port, traces)
            good = usable(host, [one["host"] for one in found], allowed)
            return [one for one in found if one["host"] in good]

    return Guarded()


class _Guarded(httpcore.NetworkBackend):
    """Connects to permitted addresses only."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed, self._inner = tuple(allowed), httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            good = addresses(host, port, self._allowed)
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: {error.strerror or error}") from error
        for number, one in enumerate(good, 1):
            try:
                return self._inner.connect_tcp(one, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(good):
                    raise
        raise AssertionError

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class GuardedTransport(httpx.HTTPTransport):
    """httpx's transport over :class:`_Guarded`; it takes no proxy from the environment.

    Args:
        allowed: internal networks that may be reached.
        verify: certificates of authorities.
    """

    def __init__(self, allowed: Sequence[Network], verify: ssl.SSLContext) -> None:
        # The base class makes the pool without a way to name its backend.
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=32,
            max_keepalive_connections=32,
            keepalive_expiry=30,
            network_backend=_Guarded(allowed),
        )
