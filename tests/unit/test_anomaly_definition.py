"""Definitions of watched streams: what ships holds, and what is wrong is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.anomaly.definition import load_stream, load_streams
from ml.anomaly.errors import AnomalyError

GOOD = """\
title: Machines
table: industry.machine_readings
key: machine_id
signals:
- {name: vibration, column: vibration_mm_s}
owner: industry@weir.example
"""


def test_the_shipped_streams_name_what_their_contracts_have() -> None:
    streams = load_streams()
    assert {name: stream.table for name, stream in streams.items()} == {
        "machines": "industry.machine_readings",
        "meters": "energy.meter_readings",
        "shop": "commerce.clickstream",
    }
    assert streams["machines"].model == "anomaly-machines"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("machine_readings", "no_readings", r"bad\.yaml:2: no append topic industry\.no_readings"),
        ("industry.machine_readings", "commerce.customers", r"bad\.yaml:2: no append topic"),
        ("key: machine_id", "key: machine", r"bad\.yaml:3: .* has no column 'machine'"),
        ("column: vibration_mm_s", "column: line", r"bad\.yaml:5: .* is of type string"),
        ("column: vibration_mm_s", "column: speed", r"bad\.yaml:5: .* does not exist"),
        ("column: vibration_mm_s", "aggregate: mean", r"bad\.yaml:5: .*`column` is needed"),
        ("owner: industry@weir.example", "owner: me", r"bad\.yaml:6: owner"),
        ("owner", "rate: 0.5\nowner", r"bad\.yaml:6: rate"),
        ("owner", "warm_up: 10\nowner", r"bad\.yaml:6: warm_up"),
        ("owner", "rule: {open_after: 0}\nowner", r"bad\.yaml:6: rule\.open_after"),
        ("owner", "colour: red\nowner", r"bad\.yaml:6: colour"),
        ("title: Machines", "title: [", r"bad\.yaml:\d: no YAML"),
        (GOOD, "- a list\n", r"bad\.yaml:1: not a mapping"),
    ],
)
def test_a_wrong_definition_is_refused_with_file_and_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(AnomalyError, match=said):
        load_stream(path)


def test_a_signal_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    line = "- {name: vibration, column: vibration_mm_s}\n"
    path.write_text(GOOD.replace(line, 2 * line))
    with pytest.raises(AnomalyError, match="vibration is listed twice"):
        load_stream(path)
