"""Which addresses a source may be at: public ones, and the internal ones that the operator allows.

Who may write a source is not who may open a network. Belongs here: judging addresses. Does not
belong here: connecting to them.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from platform_assets.connectors.seam.reader import ConnectorError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Peer = tuple[str, int]
"""A host, by name or address, and a port."""

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 within IPv6: what counts is the address inside."""
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
"""What ``localhost`` means, whichever family a machine lists first."""


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
        elif address.is_loopback:
            address = _LOOPBACK
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


def require_permitted(peers: Iterable[Peer], allowed: Sequence[Network]) -> None:
    """Look at where a client that resolves names itself is going to connect.

    All addresses of a name count, since nobody knows which one the client takes. A name without an
    address is left to the client, which says so.

    Args:
        peers: hosts and ports of a configuration; an empty host is this machine.
        allowed: internal networks that may be reached.

    Raises:
        InternalAddressError: one of the addresses is internal.
    """
    for host, port in peers:
        try:
            found = socket.getaddrinfo(host or "localhost", port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            continue
        for address in dict.fromkeys(str(one[4][0]) for one in found):
            usable(host or "localhost", [address], allowed)


def peers_of(text: str, port: int) -> list[Peer]:
    """Hosts and ports of addresses with commas between: ``nats://one:4222,[::1]:9092,three``.

    Args:
        text: addresses with or without a scheme.
        port: of those that name none.

    Raises:
        ConnectorError: one of them is no address.
    """
    found: list[Peer] = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        try:
            parts = urlsplit(one if "://" in one else f"//{one}")
            found.append((parts.hostname or "", parts.port or port))
        except ValueError as error:
            raise ConnectorError(f"{one!r} is no address: {error}", "write host:port") from None
    return found
