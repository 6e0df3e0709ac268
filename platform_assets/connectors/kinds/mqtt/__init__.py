"""MQTT: messages of a broker's topics, acknowledged when they are in the log.

Belongs here: the type ``mqtt``, with Sparkplug B. Does not belong here: other brokers.
"""

from platform_assets.connectors.kinds.mqtt.config import MqttConfig, MqttStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: MqttConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.mqtt.reader import MqttReader

    return MqttReader(config, context)


TYPES = (
    ConnectorType(
        name="mqtt",
        title="MQTT 3.1.1 and 5 (JSON, text, bytes, Sparkplug B)",
        kind=Kind.DEVICE,
        maturity=Maturity.REAL,
        config=MqttConfig,
        open=_open,
        stream=MqttStream,
        loose=True,
        live=True,
    ),
)
