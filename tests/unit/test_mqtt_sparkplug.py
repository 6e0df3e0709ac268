"""Sparkplug B, from bytes that are written here field by field."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.connectors.kinds.mqtt.sparkplug import Births, SparkplugError
from tests.sparkplug_wire import NOON, blob, float32, float64, metric, number, payload

BIRTH, DATA = "spBv1.0/ulm/DBIRTH/line1/press", "spBv1.0/ulm/DDATA/line1/press"


def _one(encoded: bytes) -> dict[str, Any]:
    (row,) = Births().rows(DATA, payload(encoded))
    return row


@pytest.mark.parametrize(
    ("datatype", "value", "expected"),
    [
        (1, number(10, 0xFF), "-1"),
        (2, number(10, 0xFFFFFFFE), "-2"),
        (3, number(10, 0x80000000), str(-(2**31))),
        (4, number(11, 2**64 - 5), "-5"),
        (8, number(11, 2**64 - 5), str(2**64 - 5)),
        (9, float32(12, 0.1), "0.100000001"),
        (10, float64(13, 0.1), "0.1"),
        (11, number(14, 1), "true"),
        (12, blob(15, "grün".encode()), "grün"),
        (13, number(11, NOON), "2026-03-01T12:00:00+00:00"),
        (17, blob(16, b"\x00\x01"), "AAE="),
        (10, b"", None),
    ],
)
def test_each_type_is_read(datatype: int, value: bytes, expected: str | None) -> None:
    row = _one(metric(value, datatype, "heat"))
    assert (row["metric"], row["value"]) == ("heat", expected)
    assert row["at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (row["_group"], row["_node"], row["_device"]) == ("ulm", "line1", "press")


def test_an_alias_has_the_name_and_type_of_its_birth_also_after_a_restart() -> None:
    births = Births()
    data = payload(metric(number(10, 0xFF), alias=7), seq=1)
    (unknown,) = births.rows(DATA, data)
    assert (unknown["metric"], unknown["alias"]) == (None, 7)
    (born,) = births.rows(BIRTH, payload(metric(number(10, 1), 1, "heat", 7), seq=0))
    assert (born["metric"], born["_message"], births.changed) == ("heat", "DBIRTH", True)
    later = Births(births.cursor())
    assert not births.changed
    (row,) = later.rows(DATA, data)
    assert (row["metric"], row["datatype"], row["value"]) == ("heat", "Int8", "-1")


def test_a_gap_in_a_node_s_sequence_is_noted() -> None:
    births, on = Births(), metric(number(14, 1), 11, "on")

    def gap(seq: int, topic: str = DATA) -> bool:
        (row,) = births.rows(topic, payload(on, seq=seq))
        assert row["_seq"] == seq
        return bool(row["_gap"])

    node = "spBv1.0/ulm/NDATA/line1"
    assert [gap(254), gap(255), gap(0, node), gap(2), gap(3)] == [False, False, False, True, False]
    assert not gap(0, "spBv1.0/ulm/NBIRTH/line1")
    assert not gap(9, "spBv1.0/ulm/NDATA/line2")


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        ("plants/ulm", b"", "expected a topic spBv1.0"),
        (DATA, b"{}", "no Sparkplug B"),
        (DATA, payload(metric(number(11, 2**63), 13, "due")), "outside the calendar"),
        (DATA, payload(metric(blob(17, b""), 16, "table")), "metric table: a DataSet"),
    ],
)
def test_what_is_not_read_is_refused_by_name(topic: str, body: bytes, reason: str) -> None:
    with pytest.raises(SparkplugError, match=reason):
        list(Births().rows(topic, body))


@given(st.binary(max_size=60))
def test_no_bytes_break_it(body: bytes) -> None:
    with suppress(SparkplugError):
        list(Births().rows(DATA, body))
