"""What a source of Google Pub/Sub says about its project and subscriptions."""

from __future__ import annotations

from pydantic import Field

from platform_assets.connectors.http.client import HttpConfig
from platform_assets.connectors.messages.model import MessageStream


class PubsubConfig(HttpConfig):
    """The project, and who asks: a service account is ``auth`` of kind ``jwt_bearer``."""

    base_url: str = "https://pubsub.googleapis.com/v1"
    project: str = Field(pattern=r"^[a-z0-9:.-]+$", description="Its id.")


class PubsubStream(MessageStream):
    """A subscription of kind pull. Its deadline must be longer than a page takes."""

    subscription: str = Field(pattern=r"^[A-Za-z0-9._~+%-]+$")
    """Its name."""
    page_messages: int = Field(default=500, ge=1, le=1000)
    """Messages that are committed together, at most."""
