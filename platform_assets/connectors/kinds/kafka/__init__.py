"""Topics of another Kafka: its offsets are the cursor, so that each record comes exactly once."""

from platform_assets.connectors.kinds.kafka.config import EventHubsConfig, KafkaConfig, KafkaStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open_event_hubs(config: EventHubsConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.kafka.reader import event_hubs

    return event_hubs(config, context)


def _open(config: KafkaConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.kafka.reader import KafkaReader

    return KafkaReader(config, context)


TYPES = (
    ConnectorType(
        name="azure_event_hubs",
        title="Event hubs of Azure, by Kafka's protocol",
        kind=Kind.STREAM,
        maturity=Maturity.CONFIGURED,
        config=EventHubsConfig,
        open=_open_event_hubs,
        stream=KafkaStream,
        loose=True,
        live=True,
    ),
    ConnectorType(
        name="kafka",
        title="Topics of another Kafka",
        kind=Kind.STREAM,
        maturity=Maturity.REAL,
        config=KafkaConfig,
        open=_open,
        stream=KafkaStream,
        loose=True,
        live=True,
    ),
)
