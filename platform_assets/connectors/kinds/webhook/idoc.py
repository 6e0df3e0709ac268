"""IDocs that an SAP system posts: XML over HTTP, by its port of type XML HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from platform_assets.connectors.kinds.webhook.config import MIB, WebhookConfig, WebhookStream
from platform_assets.connectors.kinds.webhook.signatures import Scheme
from platform_assets.connectors.seam.reader import Context, Reader


class IdocConfig(BaseModel):
    """Who sends.

    Attributes:
        user: whom the RFC destination of the port logs in as.
        passwords: names of secrets; each of them will do, so that one can follow another.
        body_bytes: of a packet, at most.
        answer_seconds: after which SAP is told to come again, if Kafka has not answered.
    """

    model_config = ConfigDict(extra="forbid")

    user: str = Field(min_length=1, pattern=r"^[^:]+$")
    passwords: Sequence[str] = Field(min_length=1)
    body_bytes: int = Field(default=16 * MIB, ge=1, le=25 * MIB)
    answer_seconds: float = Field(default=30, gt=0, le=60)


class IdocStream(WebhookStream):
    """What a row is.

    Attributes:
        segment: a row for each segment of this name: ``E1EDP01``; empty: a row for each IDoc.
    """

    segment: str = Field(default="", pattern=r"^\w*$")


def opened(config: IdocConfig, context: Context) -> Reader:
    """The receiver's reader, whose bodies are packets of IDocs.

    Columns beside those of every delivery: :func:`~...idoc.columns`.
    """
    from platform_assets.connectors.kinds.webhook.bodies import idocs
    from platform_assets.connectors.kinds.webhook.reader import WebhookReader

    whole = WebhookConfig(
        scheme="custom",
        custom=Scheme(
            signature_header="authorization",
            encoding="plain",
            prefix="Basic ",
            key_format="basic",
            user=config.user,
            type_field="MESTYP",
        ),
        secrets=config.passwords,
        body_bytes=config.body_bytes,
        answer_seconds=config.answer_seconds,
    )
    return WebhookReader(whole, context, lambda options: partial(idocs, options.segment))
