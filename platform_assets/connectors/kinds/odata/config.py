"""What a source of an OData service says about it and its entity sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.http.client import HttpConfig


class ODataConfig(HttpConfig):
    """A service.

    Attributes:
        version: of OData.
        params: of every request, next pages included: ``sap-client``.
    """

    version: Literal["4", "2"] = "4"
    params: Mapping[str, str] = Field(default_factory=dict)


class ODataStream(BaseModel):
    """An entity set.

    Attributes:
        entity: its name.
        select, expand, filter: as OData has them.
        page_rows: records that the service is asked to put on a page.
        cursor: property that grows with each change.
        start: its first value.
        overlap_seconds: how much earlier each read begins, where the cursor is a moment.
        delta: read by delta links instead: changes and deletions since the last read.
    """

    model_config = ConfigDict(extra="forbid")

    entity: str = Field(min_length=1)
    select: Sequence[str] = ()
    expand: str = ""
    filter: str = ""
    page_rows: int = Field(default=1000, ge=1, le=100_000)
    cursor: str = ""
    start: str | int | None = None
    overlap_seconds: float = Field(default=0, ge=0)
    delta: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> ODataStream:
        if self.delta and self.cursor:
            raise ValueError("expected either `cursor` or `delta`")
        return self
