"""Values of OPC UA servers, sampled: a row for each node whose value is new."""

from platform_assets.connectors.kinds.opcua.config import OpcuaConfig, OpcuaStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: OpcuaConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.opcua.reader import OpcuaReader

    return OpcuaReader(config, context)


TYPES = (
    ConnectorType(
        name="opcua",
        title="Values of OPC UA servers, sampled",
        kind=Kind.DEVICE,
        maturity=Maturity.EMULATOR,
        config=OpcuaConfig,
        open=_open,
        stream=OpcuaStream,
        loose=True,
        live=True,
    ),
)
