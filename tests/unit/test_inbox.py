"""The inbox of a folder: what is complete, asked for, and asked for again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from platform_assets.graph.inbox import FAILED, SETTLED_SECONDS, SUCCEEDED, UNDER_WAY, Inbox

NOW = 2_000_000_000.0


def put(folder: Path, name: str, text: str = "x", age: float = 10 * SETTLED_SECONDS) -> Path:
    file = folder / name
    file.write_text(text)
    os.utime(file, (NOW - age, NOW - age))
    return file


def names(items: Sequence[object]) -> list[str]:
    return [Path(item.path).name for item in items]  # type: ignore[attr-defined]


def looked(folder: Path, inbox: Inbox | None = None) -> Inbox:
    inbox = Inbox.parse(inbox.text() if inbox else None)
    inbox.look(folder, NOW)
    return inbox


def settled(inbox: Inbox, outcome: str, *good: str) -> None:
    inbox.settle(lambda _: outcome, lambda _: set(good))


def test_a_file_that_is_being_written_waits_and_comes_whole(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    put(tmp_path, "b.csv", "half", age=1)
    put(tmp_path, "notes.txt")
    inbox = looked(tmp_path)
    assert names(inbox.ask(NOW)) == ["a.csv"]
    put(tmp_path, "b.csv", "whole")
    inbox = looked(tmp_path, inbox)
    (item,) = inbox.ask(NOW)
    assert (Path(item.path).name, item.size) == ("b.csv", 5)


def test_a_file_is_asked_for_once_while_its_run_is_under_way_and_after_it_succeeded(
    tmp_path: Path,
) -> None:
    put(tmp_path, "a.csv")
    inbox = looked(tmp_path)
    inbox.ask(NOW)
    for outcome in (UNDER_WAY, SUCCEEDED):
        settled(inbox, outcome)
        inbox = looked(tmp_path, inbox)
        assert inbox.ask(NOW + 10_000) == []


def test_a_file_whose_run_failed_is_asked_for_again_ever_more_slowly(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    inbox, moment, keys = looked(tmp_path), NOW, []
    for pause in (60, 120, 240, 480, 960, 1920, 3600, 3600):
        (item,) = inbox.ask(moment)
        keys.append(item.run_key)
        settled(inbox, FAILED)
        inbox = looked(tmp_path, inbox)
        assert inbox.ask(moment + pause - 1) == []
        moment += pause
    assert len(set(keys)) == len(keys)


def test_of_a_failed_run_only_the_files_that_were_not_sent_come_again(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "one")
    put(tmp_path, "b.csv", "two")
    inbox = looked(tmp_path)
    sent, _ = inbox.ask(NOW)
    settled(inbox, FAILED, sent.sha256)
    assert names(inbox.ask(NOW + 60)) == ["b.csv"]


def test_a_changed_file_is_a_new_one_and_a_touched_one_is_not(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "one")
    inbox = looked(tmp_path)
    inbox.ask(NOW)
    settled(inbox, SUCCEEDED)
    put(tmp_path, "a.csv", "one", age=500)
    inbox = looked(tmp_path, inbox)
    assert inbox.ask(NOW) == []
    put(tmp_path, "a.csv", "two", age=400)
    inbox = looked(tmp_path, inbox)
    assert names(inbox.ask(NOW)) == ["a.csv"]


def test_many_files_come_in_portions_and_none_is_forgotten(tmp_path: Path) -> None:
    for number in range(1203):
        put(tmp_path, f"{number:04}.csv")
    inbox = looked(tmp_path)
    portions = [inbox.ask(NOW) for _ in range(4)]
    assert [len(one) for one in portions] == [500, 500, 203, 0]


def test_a_cursor_that_cannot_be_read_is_an_empty_one() -> None:
    for text in (None, "", "0123abcd", "[1]", '{"a": 1}', '{"a": [1, 2, 3, 4, 5, 6, 7, 8, 9]}'):
        assert Inbox.parse(text).items == {}
