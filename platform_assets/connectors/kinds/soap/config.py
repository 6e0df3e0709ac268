"""What a source of a SOAP service says about it and its operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.http.client import HttpConfig
from platform_assets.connectors.http.incremental import Incremental


class SoapConfig(HttpConfig):
    """A service; ``base_url`` is the address of its WSDL.

    Attributes:
        service_url: where its messages go, if not where the WSDL says.
        user, password: of WS-Security; the password is the name of a secret.
    """

    service_url: str = ""
    user: str = ""
    password: str = ""


class SoapStream(BaseModel):
    """An operation that gives a list.

    Attributes:
        operation: its name.
        arguments: as the WSDL has them.
        records: path of the list in the result; empty: the result itself.
        page: argument that is given the number of the page.
        first: number of the first page.
        token: argument that is given the token of the next page.
        next: path of that token in the result.
        more: path of a flag in the result: whether more pages follow.
        incremental: by which field only what is new is read; ``param`` is the argument.
    """

    model_config = ConfigDict(extra="forbid")

    operation: str = Field(min_length=1)
    arguments: Mapping[str, Any] = Field(default_factory=dict)
    records: str = ""
    page: str = ""
    first: int = 1
    token: str = ""
    next: str = ""
    more: str = ""
    incremental: Incremental | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SoapStream:
        if self.page and self.token:
            raise ValueError("expected either `page` or `token`")
        if bool(self.token) != bool(self.next):
            raise ValueError("expected `token` and `next` together")
        return self
