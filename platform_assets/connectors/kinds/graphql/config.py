"""What a source of a GraphQL API says about its queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from platform_assets.connectors.http.incremental import Incremental


class GraphqlStream(BaseModel):
    """A query.

    Attributes:
        query: in GraphQL; its variables are those below.
        variables: with fixed values.
        records: path of the records in the answer: ``data.orders.edges[*].node``.
        page_info: path of the connection's ``pageInfo``; by default beside the records; ``none``:
            there is one page.
        after: variable of the page's cursor.
        size, size_variable: records a page, and the variable that asks for them.
        incremental: by which field only what is new is read; ``param`` is the variable.
    """

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1)
    variables: Mapping[str, Any] = Field(default_factory=dict)
    records: str = Field(min_length=1)
    page_info: str = ""
    after: str = "after"
    size: int = Field(default=100, ge=1)
    size_variable: str = "first"
    incremental: Incremental | None = None

    @property
    def info(self) -> str:
        """Path of ``pageInfo``."""
        if self.page_info:
            return "" if self.page_info == "none" else self.page_info
        connection = self.records.partition("[*]")[0].rpartition(".")[0]
        return f"{connection}.pageInfo"
