"""The page on file sources, followed to the letter."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import platform_assets.sources
from platform_assets.cli.app import build
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.graph import lineage
from platform_assets.streaming.plan import Broker
from tests.documents import fenced, saved
from tests.integration.lake import Lake

PAGE = REPOSITORY / "docs" / "how-to" / "source.md"
RECEIPTS = TopicName("shop", "receipts")


def forget() -> None:
    load_contracts.cache_clear()
    lineage._upstream.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the page says to save, in a root of source folders beside the project's."""
    blocks = [*fenced(PAGE, "yaml"), *fenced(PAGE, "text")]
    for name in saved(PAGE) - {"receipts-1.csv"}:
        (text,) = [block for block in blocks if name in block.splitlines()[0]]
        path = tmp_path / Path(name).relative_to("platform_assets")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    roots = [*platform_assets.sources.__path__, str(tmp_path / "sources")]
    monkeypatch.setattr(platform_assets.sources, "__path__", roots)
    forget()
    yield tmp_path / "sources" / "till_receipts"
    monkeypatch.undo()
    forget()


def weir(line: str) -> str:
    result = CliRunner().invoke(build(), shlex.split(line)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_a_source_is_added_as_its_page_says(
    stack: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "defs.yaml", "mapping.jsonata", "shop.receipts.yaml"
    }  # fmt: skip
    (rows,) = [text for text in fenced(PAGE, "text") if text.startswith("Receipt;")]
    (block,) = fenced(PAGE, "sh")
    steps = block.splitlines()
    assert [line.split()[1] for line in steps] == ["check", "ingest", "ingest", "restart"]
    (tmp_path / "receipts-1.csv").write_bytes(rows.encode("cp1252"))
    monkeypatch.chdir(tmp_path)

    assert "every file can be used" in weir(steps[0])
    counts = "2 records, 1 dead letters, 0 of them conflicts"
    dry = weir(steps[1])
    assert f"would send {counts}" in dry
    assert "receipts-1.csv, line 4: total: 'free' is not a valid number" in dry
    assert f"sent {counts}" in weir(steps[2])
    # The restart of the code server is left out: the loop of the stream run runs in this process.
    found = lineage.load_sources()
    assert "new_files_of_till_receipts" in {sensor.name for sensor in found.sensors or ()}

    lake = Lake(stack, load_contracts()[RECEIPTS], None, Broker(stack))  # type: ignore[arg-type]
    lake.run()
    lake.assert_balanced()
    names = ("receipt_no", "total", "member", "printed_at")
    assert lake.rows().select(names).sort("receipt_no").rows() == [
        (17, 4.5, None, datetime(2026, 2, 28, 18, 31, tzinfo=UTC)),
        (9007199254740993, 1219.95, "Zoé", datetime(2026, 2, 28, 18, 30, tzinfo=UTC)),
    ]
