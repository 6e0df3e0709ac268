"""Payloads of Sparkplug B, written field by field: independent of what reads them."""

from __future__ import annotations

import struct

NOON = 1_772_366_400_000
"""Of 1 March 2026, in milliseconds."""


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def blob(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def float32(field: int, value: float) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<f", value)


def float64(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def metric(
    value: bytes, datatype: int = 0, name: str = "", alias: int | None = None, more: bytes = b""
) -> bytes:
    text = blob(1, name.encode()) if name else b""
    text += number(2, alias) if alias is not None else b""
    text += number(3, NOON) + (number(4, datatype) if datatype else b"")
    return text + more + value


def payload(*metrics: bytes, seq: int = 0) -> bytes:
    return number(1, NOON) + b"".join(blob(2, one) for one in metrics) + number(3, seq)
