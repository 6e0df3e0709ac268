"""Where the time of gold's MERGE statements goes, as Trino counts it.

Belongs here: asking Trino for its finished statements. Does not belong here: what makes them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np

from platform_assets.core.settings import Settings

_EVERY_SECONDS = 2.0
_COMMIT = "TableFinishOperator"
"""What commits to Iceberg, as a part of the execution."""
_WALLS = ("addInputWall", "getOutputWall", "finishWall")
_PARTS = ("total", "planning", "commit")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class MergeWatch:
    """Samples MERGE statements that have ended; run it in a thread.

    Args:
        settings: where Trino is.
    """

    def __init__(self, settings: Settings) -> None:
        self._client = httpx.Client(
            base_url=f"http://{settings.trino_host}:{settings.trino_port}",
            headers={"X-Trino-User": settings.trino_user},
            timeout=10,
        )
        self._seen: dict[str, Mapping[str, float]] = {}

    def run(self, stop: threading.Event) -> None:
        """Look every two seconds until told to stop; Trino keeps the last fifty statements."""
        while not stop.wait(_EVERY_SECONDS):
            for one in self._client.get("/v1/query", params={"state": "FINISHED"}).json():
                if one["queryId"] in self._seen or "merge into" not in one["query"].lower():
                    continue
                answer = self._client.get(f"/v1/query/{one['queryId']}")
                if answer.status_code != httpx.codes.OK:
                    continue  # forgotten meanwhile
                self._seen[one["queryId"]] = _parts(answer.json()["queryStats"])
        self._client.close()

    def medians(self) -> dict[str, float]:
        """Seconds: median of each part, and how many statements were seen."""
        seen = list(self._seen.values())
        if not seen:
            return {"statements": 0}
        return {
            "statements": len(seen),
            **{name: round(float(np.median([one[name] for one in seen])), 3) for name in _PARTS},
        }


def _parts(stats: Mapping[str, Any]) -> dict[str, float]:
    operators = [one for one in stats["operatorSummaries"] if one["operatorType"] == _COMMIT]
    commit = sum(_seconds(one[wall]) for one in operators for wall in _WALLS)
    return {
        "total": _seconds(stats["elapsedTime"]),
        "planning": _seconds(stats["planningTime"]),
        "commit": commit + _seconds(stats["finishingTime"]),
    }


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9.]+)([a-z]+)", text)
    if found is None:
        raise ValueError(f"{text!r} is no duration")
    return float(found[1]) * _UNITS[found[2]]
