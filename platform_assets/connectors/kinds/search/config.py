"""What a source of a search engine says about its indices."""

from __future__ import annotations

from pydantic import Field

from platform_assets.connectors.messages.model import Options


class SearchStream(Options):
    """An index, an alias or a data stream."""

    index: str = Field(pattern=r"^[^/?#]+$")
    """Its name."""
    cursor: str
    """A field that grows with each change: a date or a number that every document has."""
    key: str
    """A field of kind keyword or number that tells documents with one cursor value apart."""
    overlap_seconds: float = Field(default=30, ge=0)
    """How much earlier each read begins, where the cursor is a date."""
    page_messages: int = Field(default=5000, ge=1, le=10_000)
    """Documents that are committed together, at most."""
