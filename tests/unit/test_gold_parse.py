"""What dbt has parsed is lent to the next build with the same Trino, and to no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_assets.core.settings import Settings
from platform_assets.gold import project

FILE = "partial_parse.msgpack"


@pytest.fixture(autouse=True)
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(project, "TARGET", tmp_path / "shared")
    return tmp_path / "shared" / "parsed"


def settings(tmp_path: Path, port: int) -> Settings:
    return Settings(home=tmp_path, trino_port=port)


def test_a_build_begins_with_what_the_last_one_with_its_trino_parsed(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    for folder in (first, again, other):
        folder.mkdir()
    project.lend_parse(settings(tmp_path, 1), first)
    assert not (first / FILE).exists()
    project.keep_parse(settings(tmp_path, 1), first)  # a build that failed early: nothing to keep
    (first / FILE).write_bytes(b"parsed")

    project.keep_parse(settings(tmp_path, 1), first)
    project.lend_parse(settings(tmp_path, 1), again)
    project.lend_parse(settings(tmp_path, 2), other)

    assert (again / FILE).read_bytes() == b"parsed"
    assert not (other / FILE).exists()


def test_a_build_s_own_parse_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"old")
    project.keep_parse(settings(tmp_path, 1), tmp_path)
    (tmp_path / FILE).write_bytes(b"newer")
    project.lend_parse(settings(tmp_path, 1), tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"newer"


def test_a_few_addresses_are_kept(tmp_path: Path, shared: Path) -> None:
    (tmp_path / FILE).write_bytes(b"parsed")
    for port in range(1, 9):
        project.keep_parse(settings(tmp_path, port), tmp_path)
    assert len(list(shared.iterdir())) == 5
