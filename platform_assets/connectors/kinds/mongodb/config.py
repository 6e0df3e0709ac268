"""What a source of MongoDB says about its server and collections."""

from __future__ import annotations

from pydantic import Field, field_validator

from platform_assets.connectors.messages.model import Options
from platform_assets.connectors.seam.addresses import Peer


class MongoConfig(Options):
    """Where the database is."""

    url: str
    """Its address, without user and password: `mongodb+srv://shop.example/?tls=true`."""
    database: str
    """Its name."""
    user: str = ""
    """Who asks."""
    password: str = ""
    """Name of the secret."""
    timeout_seconds: float = Field(default=20, gt=0, le=300)
    """Of a connection and of a query."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("expected an address that begins with mongodb:// or mongodb+srv://")
        if "@" in value:
            raise ValueError("expected an address without user and password")
        return value

    def peers(self) -> list[Peer]:
        """The servers of the address; those that a `mongodb+srv` name stands for."""
        from pymongo.errors import PyMongoError
        from pymongo.uri_parser import parse_uri

        try:
            nodes = parse_uri(self.url, connect_timeout=self.timeout_seconds)["nodelist"]
        except PyMongoError:
            # The client says what is wrong with it.
            return []
        return [(host, port or 27_017) for host, port in nodes]


class MongoStream(Options):
    """A collection."""

    collection: str
    """Its name."""
    cursor: str = "_id"
    """A field that grows with each change and that every document has; `_id` finds new ones."""
    page_messages: int = Field(default=5000, ge=1, le=100_000)
    """Documents that are committed together, at most."""
