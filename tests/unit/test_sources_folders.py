"""Source folders beside the package's own, named by ``WEIR_SOURCES``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from platform_assets import sources


@pytest.fixture
def own_path() -> list[str]:
    return list(sources.__path__)


def test_named_folders_are_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_path: list[str]
) -> None:
    before = sources.definition_files()
    (tmp_path / "mine" / "orders").mkdir(parents=True)
    (tmp_path / "mine" / "orders" / "defs.yaml").write_text("type: x\n")
    (tmp_path / "mine" / "orders" / "shop.orders.yaml").write_text("kind: DataContract\n")
    named = os.pathsep.join([str(tmp_path / "not_there_yet"), str(tmp_path / "mine")])
    monkeypatch.setenv(sources.VARIABLE, named)
    monkeypatch.setattr(sources, "__path__", own_path)
    mine = tmp_path / "mine" / "orders"
    assert set(sources.definition_files()) == {*before, mine / "defs.yaml"}
    assert mine / "shop.orders.yaml" in sources.contract_files()


def test_a_folder_that_is_named_no_more_is_read_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_path: list[str]
) -> None:
    monkeypatch.setattr(sources, "__path__", own_path)
    before = sources.roots()
    monkeypatch.setenv(sources.VARIABLE, str(tmp_path))
    assert sources.roots() == [*before, tmp_path]
    monkeypatch.delenv(sources.VARIABLE)
    assert sources.roots() == before
