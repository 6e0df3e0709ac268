"""The files of the Numenta Anomaly Benchmark."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.nab_score import Profile, Truth
from ml.anomaly.errors import AnomalyError
from ml.anomaly.state import Floats

_LABEL_TIME = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True)
class Series:
    """One series with its labels.

    Attributes:
        name: path within the corpus.
        times: shape (rows,), seconds since 1970, the file's clock taken as UTC.
        values: shape (rows,).
        truth: its windows.
    """

    name: str
    times: Floats
    values: Floats
    truth: Truth


def read_profiles(folder: Path) -> dict[str, Profile]:
    """The profiles of ``profiles.json``: standard, reward_low_FP_rate, reward_low_FN_rate."""
    document = json.loads((folder / "profiles.json").read_text(encoding="utf-8"))
    return {
        name: Profile(
            entry["CostMatrix"]["tpWeight"],
            entry["CostMatrix"]["fnWeight"],
            entry["CostMatrix"]["fpWeight"],
        )
        for name, entry in document.items()
    }


def read_series(folder: Path) -> list[Series]:
    """All series that ``combined_windows.json`` lists, in its order.

    Raises:
        AnomalyError: a window begins or ends at a time that its series does not have.
    """
    windows = json.loads((folder / "combined_windows.json").read_text(encoding="utf-8"))
    return [_read(folder, name, limits) for name, limits in windows.items()]


def _read(folder: Path, name: str, limits: list[list[str]]) -> Series:
    frame = pl.read_csv(folder / name, schema={"timestamp": pl.String, "value": pl.Float64})
    seconds = frame["timestamp"].str.to_datetime("%Y-%m-%d %H:%M:%S").dt.epoch("s")
    times = seconds.to_numpy().astype(np.float64)
    # The first row of a time, where the clock was put back and a time comes twice.
    row_of = {time: row for row, time in reversed(list(enumerate(times.tolist())))}
    try:
        windows = tuple((row_of[_seconds(a)], row_of[_seconds(b)]) for a, b in limits)
    except KeyError as missing:
        raise AnomalyError(
            f"{name} has no row at {missing}, where a window begins or ends",
            "fetch series and labels of the same commit",
        ) from missing
    return Series(name, times, frame["value"].to_numpy(), Truth(len(times), windows))


def _seconds(text: str) -> float:
    return datetime.strptime(text, _LABEL_TIME).replace(tzinfo=UTC).timestamp()
