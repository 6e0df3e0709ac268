"""Registers of Modbus devices over TCP, sampled: a row for each register in each sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.live import paced
from platform_assets.connectors.messages.model import Message, Options
from platform_assets.connectors.messages.rows import page_of
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    SourceAwayError,
    Stream,
)
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity
from platform_assets.core.retry import Retry

_RETRY = Retry(attempts=3, seconds=20)
_WORDS = {"16": 1, "32": 2, "64": 4}


class ModbusConfig(Options):
    """Where the device is."""

    host: str
    """Its name or address."""
    port: int = Field(default=502, ge=1, le=65_535)
    """Of the device, or of its gateway."""
    device: int = Field(default=1, ge=0, le=255)
    """Its number behind a gateway (unit id)."""
    timeout_seconds: float = Field(default=3, gt=0, le=60)
    """Of a connection and of a request."""


class Register(Options):
    """A value of the device."""

    name: str
    """Of the value, as the rows have it."""
    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    """Where it stands."""
    address: int = Field(ge=0, le=65_535)
    """Of its first register, counted from 0."""
    type: Literal[
        "bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"
    ] = "uint16"
    """How its registers are read; coils and discrete inputs are bool."""
    words: Literal["big", "little"] = "big"
    """Which of several registers comes first."""
    scale: float = 1.0
    """What it is multiplied by."""

    @model_validator(mode="after")
    def _fits(self) -> Register:
        if (self.type == "bool") != (self.table in ("coil", "discrete")):
            raise ValueError(f"expected coils and discrete inputs to be bool, and no register: "
                             f"{self.name} is {self.type} in {self.table}")  # fmt: skip
        return self


class ModbusStream(Options):
    """Registers that are sampled together."""

    registers: Sequence[Register] = Field(min_length=1)
    """What is read."""
    every_milliseconds: int = Field(default=1000, ge=50, le=3_600_000)
    """Between two samples."""


class ModbusReader:
    """Samples registers of one device."""

    def __init__(self, config: ModbusConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._where = f"source {context.source}: Modbus at {config.host}:{config.port}"
        self._client: Any = None

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`: the device answers for the first register."""
        with asking(self._where, _judge):
            self._connected()
            for options in self._context.streams.values():
                _RETRY.on(_may_pass)(self._value, options.registers[0])
        return f"Modbus at {self._config.host}:{self._config.port}: device {self._config.device}"

    def discover(self) -> list[Stream]:
        """The streams that are configured: a device does not say what it has."""
        schema = pa.schema(list(_OWN.items()))
        return [Stream(name, schema, ("_id",), ("at",)) for name in self._context.streams]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`; a device has no past, so the cursor is not used."""
        del cursor
        options: ModbusStream = self._context.streams[stream]
        for _ in paced(options.every_milliseconds / 1000, self._context.stop):
            at = datetime.now(UTC)
            with asking(f"{self._where}, stream {stream}", _judge):
                rows = [self._row(one, at) for one in options.registers]
            yield page_of(rows, None, cursor={"at": at.isoformat()}, lag=0.0)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _row(self, register: Register, at: datetime) -> Message:
        try:
            value, status = _RETRY.on(_may_pass)(self._value, register), "good"
        except _RefusedError as error:
            # One register that the device has not, or not now, hides none of the others.
            value, status = None, str(error)
        name = f"{self._config.device}/{register.name}@{at.isoformat()}"
        fields = {
            "register": register.name,
            "value": value,
            "at": at,
            "status": status,
            "good": status == "good",
        }
        return Message(fields, name, f"register {register.name} at {at.isoformat()}")

    def _value(self, register: Register) -> float:
        client, device = self._connected(), self._config.device
        try:
            if register.type == "bool":
                ask = {"coil": client.read_coils, "discrete": client.read_discrete_inputs}
                answer = ask[register.table](register.address, count=1, device_id=device)
            else:
                ask = {
                    "holding": client.read_holding_registers,
                    "input": client.read_input_registers,
                }
                count = _WORDS[register.type[-2:]]
                answer = ask[register.table](register.address, count=count, device_id=device)
        except Exception:
            self.close()  # the next attempt connects again
            raise
        if answer.isError():
            raise _RefusedError(f"exception {getattr(answer, 'exception_code', '')}".strip())
        if register.type == "bool":
            return float(answer.bits[0])
        kind = client.DATATYPE[register.type.upper()]
        read = client.convert_from_registers(answer.registers, kind, word_order=register.words)
        return float(read) * register.scale

    def _connected(self) -> Any:
        from pymodbus.client import ModbusTcpClient

        if self._client is None:
            config = self._config
            client: Any = ModbusTcpClient(
                config.host, port=config.port, timeout=config.timeout_seconds, retries=0
            )
            if not client.connect():
                raise SourceAwayError(
                    f"{self._where} does not answer", "it is tried again at the next read"
                )
            self._client = client
        return self._client


class _RefusedError(Exception):
    """The device refused one register."""


_OWN = {
    "register": pa.string(),
    "value": pa.float64(),
    "at": pa.timestamp("us", "UTC"),
    "status": pa.string(),
    "good": pa.bool_(),
    "_id": pa.string(),
}


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, SourceAwayError) or _judge(error) is Verdict.AWAY


def _judge(error: BaseException) -> Verdict | None:
    from pymodbus.exceptions import ConnectionException, ModbusException, ModbusIOException

    if isinstance(error, ConnectorError):
        return None
    if isinstance(error, (ConnectionException, ModbusIOException, OSError)):
        return Verdict.AWAY
    return Verdict.WRONG if isinstance(error, (ModbusException, _RefusedError)) else None


TYPES = (
    ConnectorType(
        name="modbus",
        title="Registers of Modbus TCP devices, sampled",
        kind=Kind.DEVICE,
        maturity=Maturity.EMULATOR,
        config=ModbusConfig,
        open=ModbusReader,
        stream=ModbusStream,
        loose=True,
        live=True,
    ),
)
