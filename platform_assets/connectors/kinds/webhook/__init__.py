"""Webhooks: deliveries over HTTP from senders who prove themselves, answered when in the log.

Belongs here: the type ``webhook``, and ``sap_idoc`` as one of its forms. Does not belong here:
messages that Weir sends (:mod:`platform_assets.messaging`).
"""

from platform_assets.connectors.kinds.webhook.config import WebhookConfig, WebhookStream
from platform_assets.connectors.kinds.webhook.idoc import IdocConfig, IdocStream
from platform_assets.connectors.kinds.webhook.idoc import opened as _open_idocs
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
    ConnectorType(
        name="sap_idoc",
        title="SAP: IDocs (XML) that the system posts over HTTP",
        kind=Kind.BUSINESS,
        maturity=Maturity.EMULATOR,
        config=IdocConfig,
        open=_open_idocs,
        stream=IdocStream,
        loose=True,
        live=True,
    ),
)
