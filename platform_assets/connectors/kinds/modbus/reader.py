"""Registers of Modbus devices over TCP, sampled: a row for each register in each sample."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.modbus.config import ModbusConfig, ModbusStream, Register
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.live import paced
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    SourceAwayError,
    Stream,
)
from platform_assets.core.retry import Retry

_RETRY = Retry(attempts=3, seconds=20)
_WORDS = {"16": 1, "32": 2, "64": 4}


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
        return streams_of(self._context.streams, _OWN, ("at",))

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
