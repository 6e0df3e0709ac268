"""What a source of a database says about it, its tables and queries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.seam.addresses import Peer, peers_of

_WITHOUT_SERVER: Final = ("sqlite", "duckdb")
_SERVER: Final = re.compile(
    r"(?:^|;)\s*(?:server|host(?:name)?|address)\s*=\s*(?:tcp:)?([^;,\\]+)", re.I
)
"""Where a connection string of ODBC names the server."""


class SqlConfig(BaseModel):
    """Where the database is.

    Attributes:
        url: as SQLAlchemy has it, without a password: ``postgresql+psycopg://weir@db:5432/shop``.
        password: name of the secret.
        timeout_seconds: of the connection, and of a statement where the database has such a limit.
    """

    model_config = ConfigDict(extra="forbid")

    url: str
    password: str = ""
    timeout_seconds: float = Field(default=30, gt=0, le=3600)

    @model_validator(mode="after")
    def _no_password(self) -> SqlConfig:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.url)
        except ArgumentError:
            raise ValueError("expected an address as SQLAlchemy has it") from None
        if url.password is not None:
            raise ValueError("expected an address without a password: name a secret in `password`")
        return self

    def peers(self) -> list[Peer]:
        """The servers, wherever the address names them; sockets are this machine."""
        from sqlalchemy import make_url

        url = make_url(self.url)
        if url.get_backend_name() in _WITHOUT_SERVER:
            return []
        asked = {
            name: [value] if isinstance(value, str) else list(value)
            for name, value in url.query.items()
        }
        named = [value for name in ("host", "hostaddr") for value in asked.get(name, ())]
        hosts = [url.host, *",".join(named).split(",")]
        for text in asked.get("odbc_connect", ()):
            hosts += _SERVER.findall(text)
        found = [one.strip() for one in hosts if one and one.strip()]
        local = not found or any(name in asked for name in ("unix_socket", "service"))
        peers = [
            peer
            for one in found
            for peer in ([("", 0)] if one.startswith("/") else peers_of(_bracketed(one), 0))
        ]
        return [*peers, ("", 0)] if local else peers


class SqlStream(BaseModel):
    """What is read.

    Attributes:
        table: ``table`` or ``schema.table``.
        query: a SELECT instead of a table.
        cursor: the column that grows with each change.
        key: columns that tell rows with one cursor value apart.
        page_rows: rows that are read and committed together.
        overlap_seconds: how much earlier each read begins, where the cursor is a moment.
    """

    model_config = ConfigDict(extra="forbid")

    table: str = ""
    query: str = ""
    cursor: str
    key: Sequence[str] = Field(min_length=1)
    page_rows: int = Field(default=20_000, ge=1, le=1_000_000)
    overlap_seconds: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one(self) -> SqlStream:
        if bool(self.table) == bool(self.query):
            raise ValueError("expected either `table` or `query`")
        return self


def _bracketed(host: str) -> str:
    """An IPv6 address as an address of the network has it."""
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
