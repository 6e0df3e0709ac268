"""Webhooks: signed deliveries over HTTP, answered when they are in the log.

Belongs here: the type ``webhook``. Does not belong here: messages that Weir sends
(:mod:`platform_assets.messaging`).
"""

from platform_assets.connectors.kinds.webhook.config import WebhookConfig, WebhookStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: WebhookConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.webhook.reader import WebhookReader

    return WebhookReader(config, context)


TYPES = (
    ConnectorType(
        name="webhook",
        title="Webhooks (Standard Webhooks, GitHub, Stripe, Shopify, Slack, any HMAC)",
        kind=Kind.WEBHOOK,
        maturity=Maturity.REAL,
        config=WebhookConfig,
        open=_open,
        stream=WebhookStream,
        loose=True,
        live=True,
    ),
)
