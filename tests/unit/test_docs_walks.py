"""The walks of the architecture page: each step names a file and what is in it, none twice."""

import re

import pytest

from tests.graph_of_imports import ROOT

PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
WALKS = {
    title: re.findall(r"^\d+\. `([^`]+)`: (.+)$", text, re.M)
    for title, text in re.findall(r"^## (Walk \d[^\n]*)\n(.*?)(?=^## )", PAGE, re.M | re.S)
}


def test_there_are_four_walks():
    assert len(WALKS) == 4


@pytest.mark.parametrize("walk", sorted(WALKS))
def test_no_file_of_a_walk_is_opened_twice(walk):
    files = [file for file, _ in WALKS[walk]]

    assert len(files) == len(set(files)) > 10


@pytest.mark.parametrize(
    ("file", "text"), [step for steps in WALKS.values() for step in steps], ids=lambda v: v[:40]
)
def test_a_step_names_what_is_there(file, text):
    path = ROOT / file
    assert path.is_file()
    source = path.read_text()
    for name in re.findall(r"`(\w+)`", text):
        assert re.search(rf"^\s*(?:def|class) {name}\b|^{name}\b.* = ", source, re.M) or (
            name == "Fact"
        ), f"{file} has no {name}"


def test_every_room_of_the_map_is_there():
    for cell in re.findall(r"^\|[^|]*\| (`[^|]+) \|", PAGE, re.M):
        for room in re.findall(r"`(platform_assets/[\w/.]+|ml/[\w/.]+|sensors/)`", cell):
            assert (ROOT / room).exists(), room
