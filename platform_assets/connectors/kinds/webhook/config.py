"""What a source of webhooks says about its senders and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.kinds.webhook.signatures import Scheme

MIB = 2**20


class WebhookConfig(BaseModel):
    """Who sends, and what is taken.

    Attributes:
        scheme: how they sign: one that is known, or ``custom``.
        custom: the scheme, where it is ``custom``.
        secrets: names of secrets; each of them may sign, so that one can follow another.
        tolerance_seconds: by which the signed moment of a delivery may differ from now.
        body_bytes: of a body, at most.
        answer_seconds: after which a sender is told to come again, if Kafka has not answered.
        waiting: deliveries that wait for Kafka, at most; further ones are told to come again.
    """

    model_config = ConfigDict(extra="forbid")

    scheme: Literal["standard", "github", "stripe", "shopify", "slack", "custom"] = "standard"
    custom: Scheme | None = None
    secrets: Sequence[str] = Field(min_length=1)
    tolerance_seconds: float = Field(default=300, gt=0, le=3600)
    body_bytes: int = Field(default=MIB, ge=1, le=25 * MIB)
    answer_seconds: float = Field(default=8, gt=0, le=60)
    waiting: int = Field(default=2_000, ge=1, le=4_000)

    @model_validator(mode="after")
    def _custom(self) -> WebhookConfig:
        if (self.scheme == "custom") != (self.custom is not None):
            raise ValueError("expected `custom` where `scheme` is custom, and only there")
        return self


class WebhookStream(BaseModel):
    """What is kept.

    Attributes:
        headers: names of HTTP headers; fields of the column ``_headers``, in lower case with
            ``_`` for ``-``.
        page_rows: deliveries that are committed together, at most.
        linger_seconds: to wait for more of them once there is one.
    """

    model_config = ConfigDict(extra="forbid")

    headers: Sequence[str] = ()
    page_rows: int = Field(default=2_000, ge=1, le=100_000)
    linger_seconds: float = Field(default=0.002, ge=0, le=1)
