"""The connector ``files`` over real folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from platform_assets.connectors.seam.cursors import Place
from platform_assets.connectors.seam.pull import pull
from platform_assets.connectors.seam.transaction import SourceLog
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.scene import new_source

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
        self.put([(str(n), "Ulm") for n in ids])

    def spoil(self, number: int) -> None:
        self.put([(f"{number}x", "Ulm")])

    def put(self, rows: list[tuple[str, str]]) -> None:
        name = f"{len(list(self._folder.iterdir())):06}.{self._kind}"
        (self._folder / name).write_bytes(self._write(rows))


def as_csv(rows: list[tuple[str, str]]) -> bytes:
    return "".join(f"{one},{city}\n" for one, city in [("id", "city"), *rows]).encode()


class TestCsv(Behaviour):
    @pytest.fixture
    def peer(self, tmp_path: Path) -> Folder:
        return Folder(tmp_path / "landing", "csv", as_csv)


def test_the_same_id_with_other_content_is_shown(stack: Settings, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "landing", "csv", as_csv)
    with new_source(
        stack, tmp_path / "sources", "files", config=folder.config, options=folder.options,
        fields=FIELDS, conflicts=True,
    ) as scene:  # fmt: skip
        folder.add(range(1, 30))
        folder.put([("3", "Ulm"), ("4", "Bonn"), ("40", "Ulm"), ("40", "Bonn")])
        (outcome,) = pull(stack, scene.source)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (31, 2, None)
        assert outcome.reasons[0].startswith("rows, 000001.csv, line 3: conflict: event ")
        assert "from the page at 000000.csv, line 2; the first one stays" in outcome.reasons[0]
        assert "000001.csv, line 5" in outcome.reasons[1]
        assert len({one["event_id"] for one in scene.events()}) == 30
        # What was read before a reset says the same, and is no conflict.
        with SourceLog(stack, scene.name) as log:
            log.commit([], [Place(scene.name, "rows", None)])
        (outcome,) = pull(stack, scene.source)
        assert (outcome.records, outcome.dead_letters) == (31, 2)
