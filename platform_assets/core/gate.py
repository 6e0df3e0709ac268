"""Which requests a server of Weir's lets in: those of its own pages and of programs.

A page of another site can make a reader's browser send requests to this machine. It cannot set
``Host`` or ``Origin``, and it may send a form or plain text but no JSON without being asked. So
three questions tell its requests: under which name was the server addressed (another site's name
may be made to resolve to this machine), which page sent it, and what it carries.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from platform_assets.core.settings import LOOPBACK

LOCAL_HOSTS = (LOOPBACK, "localhost")
ANY_HOST = "*"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})
_Headers = dict[bytes, list[bytes]]


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let in.

    Attributes:
        status: of HTTP.
        message: what is wrong with it.
        hint: what to do.
    """

    status: int
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Gate:
    """Looks at a request's headers before anything else does.

    Attributes:
        content_types: media types of the bodies that are taken.
        hosts: names under which the server is reached; ``*`` for any.
        origins: of pages that may send besides the server's own, for a server behind a proxy.
        addresses: whether any IP address will do as a name: no other site's name is one.
        acting: paths at which reading acts too.
    """

    content_types: Collection[str]
    hosts: Iterable[str] = LOCAL_HOSTS
    origins: Collection[str] = ()
    addresses: bool = False
    acting: Collection[str] = ()
    _names: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Fold the names once: they are compared with every request's."""
        names = frozenset(_bare(host) for host in self.hosts)
        object.__setattr__(self, "_names", names)

    def refusal(self, scope: Any) -> Refusal | None:
        """Why a request is refused; None where it may come in.

        Args:
            scope: an ASGI scope of type ``http`` or ``websocket``.
        """
        found: _Headers = {}
        for name, value in scope["headers"]:
            found.setdefault(name, []).append(value)
        host = _only(found, b"host")
        if host is None or not self._is_ours(host):
            return Refusal(
                400, f"this server is not called {(host or '')[:100]!r}", "ask it by its own name"
            )
        reading = scope.get("method") in _READING
        if reading and scope["path"] not in self.acting:
            return None
        site = _only(found, b"sec-fetch-site", "none")
        origin = _only(found, b"origin", "")
        own = ("", f"http://{host}", f"https://{host}", *self.origins)
        if site not in _OWN_SITE or origin not in own:
            return Refusal(403, "a page of another site sent this request", "send it from here")
        return None if reading or scope["type"] == "websocket" else self._body_refusal(found)

    def _body_refusal(self, found: _Headers) -> Refusal | None:
        length = _only(found, b"content-length", "0")
        if length == "0" and not found.keys() & {b"content-type", b"transfer-encoding"}:
            return None
        kind = (_only(found, b"content-type", "") or "").partition(";")[0].strip().lower()
        if kind in self.content_types:
            return None
        return Refusal(
            415,
            f"the content type is {kind[:100] or 'missing'}, "
            f"expected {' or '.join(self.content_types)}",
            f"send the header Content-Type: {next(iter(self.content_types))}",
        )

    def _is_ours(self, host: str) -> bool:
        if ANY_HOST in self._names or (name := _bare(_without_port(host))) in self._names:
            return True
        if not self.addresses:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def gate_of(url: str, content_types: Collection[str], acting: Collection[str] = ()) -> Gate:
    """The gate of a server on this machine that people know under an address.

    Args:
        url: that address; empty for this machine's names alone.
        content_types: see :class:`Gate`.
        acting: see :class:`Gate`.
    """
    known = urlsplit(url)
    if not known.hostname:
        return Gate(content_types, acting=acting)
    own = f"{known.scheme}://{known.netloc}"
    return Gate(content_types, (*LOCAL_HOSTS, known.hostname), (own,), acting=acting)


def _only(headers: _Headers, name: bytes, otherwise: str | None = None) -> str | None:
    """The value of a header; None where it was sent twice: readers would differ on which holds."""
    values = headers.get(name)
    if not values:
        return otherwise
    return values[0].decode("latin-1").strip() if len(values) == 1 else None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() and not name.endswith(":") else host


def _bare(name: str) -> str:
    return name.lower().rstrip(".")
