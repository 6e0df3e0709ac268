"""Deterministic ids of many events at once; each equal to :func:`.envelope.event_id`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from platform_assets.connectors.envelope import NAMESPACE

_TEXT = pa.large_string()
_HEX = np.frombuffer("".join(f"{value:02x}" for value in range(256)).encode(), np.uint8).reshape(
    256, 2
)
_GROUPS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
_SIZE = 36


def event_ids(source: str, parts: Sequence[pl.Series]) -> pa.LargeStringArray:
    """UUID 5 over the source and what identifies each event at it.

    Args:
        source: the instance.
        parts: text, a series a part; a missing one counts as ``None`` (such a row is refused).
    """
    columns = [pc.fill_null(values.to_arrow().cast(_TEXT), "None") for values in parts]
    names = pc.binary_join_element_wise(
        pa.scalar(source, _TEXT), *columns, pa.scalar("\x1f", _TEXT)
    )
    sha1, prefix = hashlib.sha1, NAMESPACE.bytes
    digests = b"".join(
        [sha1(prefix + name, usedforsecurity=False).digest()
         for name in names.cast(pa.large_binary()).to_pylist()]
    )  # fmt: skip
    count = len(names)
    octets = np.frombuffer(digests, np.uint8).reshape(count, 20)[:, :16].copy()
    octets[:, 6] = octets[:, 6] & 0x0F | 0x50
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    digits = _HEX[octets].reshape(count, 32)
    text = np.full((count, _SIZE), ord("-"), np.uint8)
    for number, (start, end) in enumerate(_GROUPS):
        text[:, start + number : end + number] = digits[:, start:end]
    offsets = np.arange(count + 1, dtype=np.int64) * _SIZE
    return pa.LargeStringArray.from_buffers(
        count, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes())
    )
