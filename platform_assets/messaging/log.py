"""The log file: a line of JSON a message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from platform_assets.messaging.model import Notification, NotifyError


class LogNotifier:
    """Appends a line of JSON to a file: ``<home>/notifications.jsonl``; pictures are left out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, notification: Notification) -> None:
        """Append one line (a single write, so that two processes do not mix lines).

        Raises:
            NotifyError: the file cannot be written.
        """
        line = json.dumps({"at": datetime.now(UTC).isoformat(), **notification.fields()})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise NotifyError(
                f"notification log {self._path}: {error.strerror}", "check that it is writable"
            ) from error
