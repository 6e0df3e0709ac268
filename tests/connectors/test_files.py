"""The connector ``files`` over real folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from platform_assets.connectors.seam.types import Maturity
from tests.connectors.behaviour import Behaviour

PROVES = {"files": Maturity.REAL}


class Folder:
    """The peer of the suite: a file a call, the names grow."""

    connector = "files"
    stream = "rows"
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self, folder: Path, kind: str, write: Callable[[list[tuple[str, str]]], bytes]):
        folder.mkdir()
        self._folder, self._kind, self._write = folder, kind, write
        self.config = {"folder": str(folder)}
        self.options: dict[str, Any] = {
            "names": f"*.{kind}", "page_rows": 10, "settled_seconds": 0, "columns": ["id", "city"],
        }  # fmt: skip

    def add(self, ids: range) -> None:
        self._put([(str(n), "Ulm") for n in ids])

    def spoil(self, number: int) -> None:
        self._put([(f"{number}x", "Ulm")])

    def _put(self, rows: list[tuple[str, str]]) -> None:
        name = f"{len(list(self._folder.iterdir())):06}.{self._kind}"
        (self._folder / name).write_bytes(self._write(rows))


def as_csv(rows: list[tuple[str, str]]) -> bytes:
    return "".join(f"{one},{city}\n" for one, city in [("id", "city"), *rows]).encode()


class TestCsv(Behaviour):
    @pytest.fixture
    def peer(self, tmp_path: Path) -> Folder:
        return Folder(tmp_path / "landing", "csv", as_csv)
