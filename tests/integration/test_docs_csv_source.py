"""The page on CSV sources, followed to the letter."""

from __future__ import annotations

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
from platform_assets.streaming.plan import Broker
from tests.documents import fenced, saved
from tests.integration.lake import Lake

PAGE = REPOSITORY / "docs" / "how-to" / "csv-source.md"
SLIPS = TopicName("shop", "slips")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the page says to save, in a root of source folders beside the project's."""
    for name in saved(PAGE) - {"slips-1.csv"}:
        (text,) = [block for block in fenced(PAGE, "yaml") if name in block.splitlines()[0]]
        path = tmp_path / Path(name).relative_to("platform_assets")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    roots = [*platform_assets.sources.__path__, str(tmp_path / "sources")]
    monkeypatch.setattr(platform_assets.sources, "__path__", roots)
    load_contracts.cache_clear()
    yield tmp_path / "sources" / "till_slips"
    monkeypatch.undo()
    load_contracts.cache_clear()


def weir(line: str) -> str:
    result = CliRunner().invoke(build(), shlex.split(line)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_a_csv_source_is_added_as_its_page_says(stack: Settings, folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"defs.yaml", "shop.slips.yaml"}
    (rows,) = fenced(PAGE, "text")
    landing = Path(stack.inbox) / "till_slips"
    landing.mkdir(parents=True, exist_ok=True)
    (landing / "slips-1.csv").write_bytes(rows.encode("cp1252"))
    (block,) = fenced(PAGE, "sh")
    steps = block.splitlines()
    assert [line.split()[1:3] for line in steps[1:-1]] == [
        ["sources", verb] for verb in ("check", "discover", "preview", "read", "letters")
    ]

    assert "every file can be used" in weir(steps[0])
    assert "slips: 1 files" in weir(steps[1])
    assert "Printed" in weir(steps[2])
    assert "'free' is not a valid number" in weir(steps[3])
    weir(steps[4])
    letters = weir(steps[5])
    assert "slips-1.csv, line 4" in letters
    assert "slips-1.csv, line 5" in letters

    lake = Lake(stack, load_contracts()[SLIPS], None, Broker(stack))  # type: ignore[arg-type]
    # Not until the end of the log: a transaction has an offset of its own there.
    lake.run(until=2)
    lake.assert_balanced()
    names = ("slip_no", "total", "member", "printed_at")
    assert lake.rows().select(names).sort("slip_no").rows() == [
        (17, 4.5, None, datetime(2026, 2, 28, 17, 31, tzinfo=UTC)),
        (9007199254740993, 1219.95, "Zoé", datetime(2026, 2, 28, 17, 30, tzinfo=UTC)),
    ]
