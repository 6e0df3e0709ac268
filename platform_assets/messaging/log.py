"""The log file: a line of JSON a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platform_assets.messaging.transport import Receipt, RefusedError


@dataclass(frozen=True)
class LogTransport:
    """Appends to a file."""

    path: Path

    def send(self, body: Mapping[str, Any]) -> Receipt:
        """Append one line (a single write, so that two processes do not mix lines).

        Raises:
            RefusedError: the file cannot be written.
        """
        line = json.dumps({"at": datetime.now(UTC).isoformat(), **body})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise RefusedError(
                f"notification log {self.path}: {error.strerror}", "check that it is writable"
            ) from None
        return Receipt()
