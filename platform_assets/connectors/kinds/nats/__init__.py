"""Streams of NATS JetStream."""

from platform_assets.connectors.kinds.nats.config import NatsConfig, NatsStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: NatsConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.nats.reader import NatsReader

    return NatsReader(config, context)


TYPES = (
    ConnectorType(
        name="nats",
        title="Streams of NATS JetStream",
        kind=Kind.STREAM,
        maturity=Maturity.REAL,
        config=NatsConfig,
        open=_open,
        stream=NatsStream,
        loose=True,
        live=True,
    ),
)
