"""Subscriptions of Google Pub/Sub, over its REST interface: acknowledged when in the log."""

from platform_assets.connectors.kinds.google_pubsub.config import PubsubConfig, PubsubStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: PubsubConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.google_pubsub.reader import PubsubReader

    return PubsubReader(config, context)


TYPES = (
    ConnectorType(
        name="google_pubsub",
        title="Subscriptions of Google Pub/Sub",
        kind=Kind.STREAM,
        maturity=Maturity.CONFIGURED,
        config=PubsubConfig,
        open=_open,
        stream=PubsubStream,
        loose=True,
        live=True,
    ),
)
