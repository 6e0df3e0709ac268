"""What a source of Modbus devices says about them and their registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from platform_assets.connectors.messages.model import Options
from platform_assets.connectors.seam.addresses import Peer


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

    def peers(self) -> list[Peer]:
        """The device."""
        return [(self.host, self.port)]


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
