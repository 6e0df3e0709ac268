"""What a source of Redis streams says about its server and streams."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from platform_assets.connectors.messages.model import Options, Paged
from platform_assets.connectors.seam.addresses import Peer


class RedisConfig(Options):
    """Where the server is."""

    host: str
    """Its name or address."""
    port: int = Field(default=6379, ge=1, le=65_535)
    """Of the server."""
    database: int = Field(default=0, ge=0)
    """Its number."""
    user: str = ""
    """Of the access list."""
    password: str = ""
    """Name of the secret."""
    tls: bool = False
    """Whether it is spoken to over TLS."""
    timeout_seconds: float = Field(default=10, gt=0, le=300)
    """Of a connection and of a request."""

    def peers(self) -> list[Peer]:
        """The server."""
        return [(self.host, self.port)]


class RedisStream(Paged):
    """A stream."""

    key: str
    """Its key."""
    payload: str = ""
    """The field that holds the payload; without one, each field of an entry is a column of text."""
    format: Literal["json", "text"] = "json"
    """Of the payload: JSON objects, or text in column `value`."""
    start: str = "0-0"
    """Where a source without a cursor begins: the id before its first entry, `$` for the end."""

    @field_validator("start")
    @classmethod
    def _is_id(cls, value: str) -> str:
        first, _, second = value.partition("-")
        if value != "$" and not (first.isdecimal() and (second or "0").isdecimal()):
            raise ValueError("expected an id such as 1700000000000-0, or $")
        return value
