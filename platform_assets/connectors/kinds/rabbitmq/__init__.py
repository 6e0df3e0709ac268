"""Queues of RabbitMQ (AMQP 0-9-1): a page is acknowledged when it is in the log."""

from platform_assets.connectors.kinds.rabbitmq.config import RabbitConfig, RabbitStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: RabbitConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.rabbitmq.reader import RabbitReader

    return RabbitReader(config, context)


TYPES = (
    ConnectorType(
        name="rabbitmq",
        title="Queues of RabbitMQ (AMQP 0-9-1)",
        kind=Kind.STREAM,
        maturity=Maturity.CONFIGURED,
        config=RabbitConfig,
        open=_open,
        stream=RabbitStream,
        loose=True,
        live=True,
    ),
)
