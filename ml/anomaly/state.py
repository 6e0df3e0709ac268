"""What a detector remembers, as named arrays: kept between processes, never pickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from ml.anomaly.errors import AnomalyError

Floats = npt.NDArray[np.float64]

Arrays = Mapping[str, Floats]
"""Name -> float64 array of any shape; whole numbers are exact up to 2**53."""


def array(values: Iterable[float]) -> Floats:
    """Plain numbers as an array of shape (n,)."""
    return np.fromiter(values, dtype=np.float64)


def within(name: str, arrays: Arrays) -> dict[str, Floats]:
    """The arrays of a part, under the part's name."""
    return {f"{name}/{key}": value for key, value in arrays.items()}


def part(name: str, arrays: Arrays) -> dict[str, Floats]:
    """The arrays of a part, without its name: the inverse of :func:`within`."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): v for key, v in arrays.items() if key.startswith(prefix)}


def pack(arrays: Arrays) -> bytes:
    """Arrays as a NumPy archive (npz), not compressed: floats of a sensor hardly shrink."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, Floats]:
    """The arrays of an archive.

    Raises:
        AnomalyError: the bytes are no archive, or hold anything but plain arrays.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise AnomalyError(
            f"the state of a detector cannot be read: {error}",
            "delete its row in anomaly_series: it will be learned again from the history",
        ) from error
