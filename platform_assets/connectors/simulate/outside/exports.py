"""The shop's exports: a CSV file of what changed, every few seconds, complete when it appears."""

from __future__ import annotations

import csv
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from platform_assets.connectors.simulate.outside.shop import Order

EVERY_SECONDS = 5.0
_COLUMNS = ("id", "city", "amount", "status", "changed_at")


class Exports:
    """Writes files into a folder.

    Args:
        folder: made where it is missing.
        stop: ends it.
    """

    def __init__(self, folder: Path, stop: threading.Event) -> None:
        self._folder, self._stop = folder, stop
        self._lock = threading.Lock()
        self._gathered: list[Order] = []
        folder.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._keep, name="exports", daemon=True).start()

    def add(self, order: Order) -> None:
        """Have it in the next file."""
        with self._lock:
            self._gathered.append(order)

    def _keep(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            with self._lock:
                orders, self._gathered = self._gathered, []
            if orders:
                self._write(orders)

    def _write(self, orders: list[Order]) -> None:
        name = f"orders-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.csv"
        # Under another name until it is whole.
        partial = self._folder / f".{name}.partial"
        with partial.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened, delimiter=";")
            writer.writerow(_COLUMNS)
            for order in orders:
                row = order.as_json()
                row["amount"] = str(row["amount"]).replace(".", ",")
                writer.writerow([row[name] for name in _COLUMNS])
        os.replace(partial, self._folder / name)
