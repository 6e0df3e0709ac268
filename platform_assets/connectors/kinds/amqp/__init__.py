"""Queues by AMQP 1.0: any broker, Azure Service Bus, SAP Event Mesh.

Belongs here: the link (:mod:`.link`), the reader, presets. AMQP 0-9-1 is another protocol
(:mod:`..rabbitmq`).
"""

from functools import partial
from typing import Any

from platform_assets.connectors.kinds.amqp.config import (
    AmqpConfig,
    AmqpStream,
    EventMeshConfig,
    ServiceBusConfig,
)
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: AmqpConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.amqp.reader import AmqpReader

    return AmqpReader(config, context)


def _opened(config: Any, context: Context) -> Reader:
    return _open(config.amqp(), context)


_type = partial(
    ConnectorType, kind=Kind.STREAM, stream=AmqpStream, loose=True, live=True, open=_opened
)

TYPES = (
    ConnectorType(
        name="amqp",
        title="Queues of brokers that speak AMQP 1.0 (Artemis, Qpid, Solace, IBM MQ)",
        kind=Kind.STREAM,
        maturity=Maturity.REAL,
        config=AmqpConfig,
        open=_open,
        stream=AmqpStream,
        loose=True,
        live=True,
    ),
    _type(
        name="azure_service_bus",
        title="Queues and subscriptions of Azure Service Bus",
        maturity=Maturity.CONFIGURED,
        config=ServiceBusConfig,
    ),
    _type(
        name="sap_event_mesh",
        title="Queues of SAP Event Mesh (AMQP 1.0 over WebSocket)",
        maturity=Maturity.CONFIGURED,
        config=EventMeshConfig,
    ),
)
