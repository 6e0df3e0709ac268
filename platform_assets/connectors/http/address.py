"""Which addresses a source may be at: public ones, and the internal ones that the operator allows.

A name is resolved once, each address is judged, and the connection goes to an address that was
judged: a name that resolves differently a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore
import httpx

from platform_assets.connectors.seam.reader import ConnectorError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 within IPv6: what counts is the address inside."""


class InternalAddressError(ConnectorError):
    """A source is at an internal address that nobody allowed."""


def networks(text: str) -> tuple[Network, ...]:
    """The networks of ``WEIR_SOURCE_NETWORKS``: ``10.1.0.0/16, 127.0.0.1``.

    Raises:
        ConnectorError: one is no network.
    """
    try:
        return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise ConnectorError(
            f"WEIR_SOURCE_NETWORKS: {error}", "write networks with commas between: 10.1.0.0/16"
        ) from None


def permitted(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether a source may be at this address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _TRANSLATED:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in allowed):
        return True
    return address.is_global and not address.is_multicast


def usable(host: str, addresses: Iterable[str], allowed: Sequence[Network]) -> list[str]:
    """Those of a host's addresses at which a source may be, each once.

    Raises:
        InternalAddressError: none of them.
    """
    known = list(dict.fromkeys(addresses))
    good = [one for one in known if permitted(ipaddress.ip_address(one.partition("%")[0]), allowed)]
    if not good:
        raise InternalAddressError(
            f"{host} is at {', '.join(known)}, which is internal",
            "an operator allows such networks in WEIR_SOURCE_NETWORKS",
        )
    return good


def addresses(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """The addresses of a host at which a source may be, for clients that would resolve it.

    Raises:
        InternalAddressError: none of them.
        OSError: the name has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return usable(host, [str(one[4][0]) for one in found], allowed)


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
