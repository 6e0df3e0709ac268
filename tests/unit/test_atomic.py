"""A file is replaced as a whole: never half of one, whoever reads and whatever fails."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from platform_assets.core.files import write_file


def test_a_reader_sees_one_writer_s_content_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    contents = [letter * 200_000 for letter in "abcd"]
    write_file(path, contents[0])
    seen: set[str] = set()
    with ThreadPoolExecutor(len(contents)) as pool:
        writing = [
            pool.submit(lambda text: [write_file(path, text) for _ in range(20)], content)
            for content in contents
        ]
        while not all(each.done() for each in writing):
            seen.add(path.read_text())
    for each in writing:
        each.result()
    assert seen <= set(contents)
    assert [found.name for found in path.parent.iterdir()] == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_file(path, b"before") == path
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "\ud800")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
