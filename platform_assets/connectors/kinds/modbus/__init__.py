"""Registers of Modbus devices over TCP, sampled: a row for each register in each sample."""

from platform_assets.connectors.kinds.modbus.config import ModbusConfig, ModbusStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: ModbusConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.modbus.reader import ModbusReader

    return ModbusReader(config, context)


TYPES = (
    ConnectorType(
        name="modbus",
        title="Registers of Modbus TCP devices, sampled",
        kind=Kind.DEVICE,
        maturity=Maturity.EMULATOR,
        config=ModbusConfig,
        open=_open,
        stream=ModbusStream,
        loose=True,
        live=True,
    ),
)
