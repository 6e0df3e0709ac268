"""MQTT: messages of a broker's topics, acknowledged when they are in the log.

Belongs here: the type ``mqtt``, with Sparkplug B. Does not belong here: other brokers.
"""

from platform_assets.connectors.kinds.mqtt.config import MqttConfig, MqttStream
from platform_assets.connectors.kinds.mqtt.reader import MqttReader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity

TYPES = (
    ConnectorType(
        name="mqtt",
        title="MQTT 3.1.1 and 5 (JSON, text, bytes, Sparkplug B)",
        kind=Kind.DEVICE,
        maturity=Maturity.REAL,
        config=MqttConfig,
        open=MqttReader,
        stream=MqttStream,
        loose=True,
        live=True,
    ),
)
