"""What a source of MQTT says about its broker and its topics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from platform_assets.connectors.seam.addresses import Peer

_PART = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class MqttConfig(BaseModel):
    """The broker.

    Attributes:
        host, port: where it is; 8883 with TLS, 1883 without.
        tls: whether it speaks TLS.
        ca_file: certificates that it is checked against; by default those of the system.
        certificate_file, key_file: of this client, where the broker asks for one.
        user: at the broker.
        password: name of the secret.
        protocol: ``5``, or ``3.1.1`` for an old broker. The old one lets the broker say how many
            messages may be unacknowledged (Mosquitto: 20), which bounds the rate.
        client: name of this client at the broker; the stream's name is added. The broker keeps the
            session, with what was not acknowledged, under it.
        session_seconds: how long it does after a connection has ended (protocol 5).
        timeout_seconds: of the connection.
        keepalive_seconds: after which a connection that says nothing is tried.
    """

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=0, ge=0, le=65535)
    tls: bool = True
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    user: str = ""
    password: str = ""
    protocol: Literal["5", "3.1.1"] = "5"
    client: str = ""
    session_seconds: int = Field(default=7 * 86_400, ge=60, le=2**32 - 2)
    timeout_seconds: float = Field(default=10, gt=0, le=120)
    keepalive_seconds: int = Field(default=30, ge=5, le=3600)

    @model_validator(mode="after")
    def _consistent(self) -> MqttConfig:
        if (self.ca_file or self.certificate_file) and not self.tls:
            raise ValueError("expected `tls` where certificates are named")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("expected both `certificate_file` and `key_file`, or neither")
        if self.password and not self.user:
            raise ValueError("expected `user` beside `password`")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (8883 if self.tls else 1883)

    def peers(self) -> list[Peer]:
        """The broker."""
        return [self.address]


class MqttStream(BaseModel):
    """What is read.

    Attributes:
        topics: filters, with ``+`` and ``#``; at QoS 1.
        pattern: of a topic, whose named levels become columns: ``plants/{plant}/{machine}/#``.
        format: of payloads: ``json`` objects, ``text``, ``bytes`` (as base64), ``sparkplug`` B.
        page_rows: messages that are committed together, at most.
        linger_seconds: to wait for more of them once there is one.
        message_bytes: of a payload, at most; a larger one is a dead letter.
    """

    model_config = ConfigDict(extra="forbid")

    topics: Sequence[str] = Field(min_length=1)
    pattern: str = ""
    format: Literal["json", "text", "bytes", "sparkplug"] = "json"
    page_rows: int = Field(default=2_000, ge=1, le=30_000)
    linger_seconds: float = Field(default=0.01, ge=0, le=1)
    message_bytes: int = Field(default=900_000, ge=1, le=10_000_000)

    @field_validator("topics")
    @classmethod
    def _are_filters(cls, value: Sequence[str]) -> Sequence[str]:
        for one in value:
            levels = one.split("/")
            wild = [level for level in levels if "+" in level or "#" in level]
            if not one or any(level not in ("+", "#") for level in wild) or "#" in levels[:-1]:
                raise ValueError(f"expected a topic filter, with + or # as whole levels: {one!r}")
        return value

    @model_validator(mode="after")
    def _parts(self) -> MqttStream:
        levels = self.pattern.split("/")
        names = [level for level in levels if "{" in level or "}" in level]
        if any(_PART.fullmatch(level) is None for level in names) or len(names) != len(set(names)):
            raise ValueError("expected `pattern` to name whole levels, each once: plants/{plant}/+")
        if "#" in levels[:-1]:
            raise ValueError("expected # to be the last level of `pattern`")
        return self

    def matcher(self) -> re.Pattern[str] | None:
        """The pattern as a regular expression with named groups; None without one."""
        if not self.pattern:
            return None
        parts: list[str] = []
        for level in self.pattern.split("/"):
            if level == "#":
                return re.compile("/".join(parts) + "(?:/.*|)" if parts else ".*", re.DOTALL)
            named = _PART.fullmatch(level)
            parts.append(
                f"(?P<{named[1]}>[^/]*)" if named else "[^/]*" if level == "+" else re.escape(level)
            )
        return re.compile("/".join(parts))
