"""What a REST source and its streams may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.http.client import HttpConfig
from platform_assets.connectors.http.incremental import Incremental
from platform_assets.connectors.kinds.rest.pagination import OnePage, Pagination


class RestConfig(HttpConfig):
    """An API.

    Attributes:
        params: of every request's query; no secrets.
        check: path that a check asks for; by default the first stream's.
    """

    params: Mapping[str, Any] = Field(default_factory=dict)
    check: str = ""


class RestStream(BaseModel):
    """A list of records.

    Attributes:
        path: below the base address.
        method: GET, or POST with a body of JSON.
        params: of the query.
        body: of a POST; parameters of pages and increments are added to it.
        records: path of the list in the answer, e.g. ``data.items``; empty: the answer itself.
        pagination: how one page leads to the next.
        incremental: by which field only what is new is read; none: every read gives everything.
        parallel: requests at the same time. Pages by number or offset are asked for ahead; of the
            other ways the next page is, while one is committed.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    method: Literal["GET", "POST"] = "GET"
    params: Mapping[str, Any] = Field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    records: str = ""
    pagination: Pagination = OnePage()
    incremental: Incremental | None = None
    parallel: int = Field(default=1, ge=1, le=32)

    @model_validator(mode="after")
    def _body_is_posted(self) -> RestStream:
        if self.body is not None and self.method != "POST":
            raise ValueError("expected `method: POST` beside `body`")
        return self
