"""SAP's IDocs: XML in files of any place, and over HTTP by the connector ``sap_idoc``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.connectors.idoc import NoIdocError, rows_in
from platform_assets.connectors.kinds.webhook.receiver import receiver_of
from platform_assets.connectors.seam.pull import open_reader, pull
from platform_assets.connectors.seam.types import Maturity, connector_type
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from tests.connectors.reading import Running
from tests.connectors.scene import Scene, new_source

PROVES = {"sap_idoc": Maturity.EMULATOR}
EXACT = {"sap_idoc": False}

USER, PASSWORD = "SAPWEIR", "s3cret"
XML = {"Content-Type": "text/xml; charset=utf-8"}
BOMB = b'<!DOCTYPE x [<!ENTITY a "AA"><!ENTITY b "&a;&a;">]>'


def order(number: int, city: str = "Ulm", items: int = 2) -> str:
    """An ORDERS05: a head, a partner, and items that hold a schedule line each."""
    lines = "".join(
        f'<E1EDP01 SEGMENT="1"><POSEX>{n * 10:06}</POSEX><MENGE>{n}.000</MENGE>'
        f'<E1EDP20 SEGMENT="1"><WMENG>{n}.000</WMENG></E1EDP20></E1EDP01>'
        for n in range(1, items + 1)
    )
    return (
        '<IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><TABNAM>EDI_DC40</TABNAM><MANDT>100</MANDT>'
        f"<DOCNUM>{number:016}</DOCNUM><IDOCTYP>ORDERS05</IDOCTYP><MESTYP>ORDERS</MESTYP>"
        "<SNDPRN>S4HCLNT100</SNDPRN><CREDAT>20260301</CREDAT><CRETIM>120000</CRETIM><CIMTYP/>"
        '</EDI_DC40><E1EDK01 SEGMENT="1"><CURCY>EUR</CURCY><BELNR>45000001</BELNR></E1EDK01>'
        '<E1EDKA1 SEGMENT="1"><PARVW>AG</PARVW>'
        f"<ORT01>{escape(city)}</ORT01></E1EDKA1>{lines}</IDOC>"
    )


def packet(*idocs: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><ORDERS05>{"".join(idocs)}</ORDERS05>'.encode()


def test_an_idoc_is_its_control_record_and_its_segments() -> None:
    first, second = rows_in(packet(order(1), order(2, "Köln & Bonn")))
    assert (first["DOCNUM"], first["MESTYP"], first["CIMTYP"]) == (f"{1:016}", "ORDERS", None)
    segments = json.loads(str(second["segments"]))
    assert segments["E1EDK01"] == [{"CURCY": "EUR", "BELNR": "45000001"}]
    assert segments["E1EDKA1"][0]["ORT01"] == "Köln & Bonn"
    assert segments["E1EDP01"][1]["E1EDP20"] == [{"WMENG": "2.000"}]


def test_a_segment_may_be_a_row_at_any_depth() -> None:
    items = rows_in(packet(order(1, items=3)), "E1EDP01")
    assert [(row["DOCNUM"], row["number"]) for row in items] == [
        (f"{1:016}", str(n)) for n in (1, 2, 3)
    ]
    assert json.loads(str(items[2]["segment"]))["POSEX"] == "000030"
    assert set(json.loads(str(items[0]["segments"]))) == {"E1EDK01", "E1EDKA1"}
    nested = rows_in(packet(order(1)), "E1EDP20")
    assert [json.loads(str(row["segment"]))["WMENG"] for row in nested] == ["1.000", "2.000"]
    assert rows_in(packet(order(1)), "E1NONE") == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", "no XML"),
        (packet(order(1))[:-20], "no XML"),
        (BOMB + b"<ORDERS05><IDOC/></ORDERS05>", "document type"),
        (b"<html/>", "is html, and holds no element IDOC"),
    ],
)
def test_what_is_no_idoc_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(NoIdocError, match=why):
        rows_in(body)


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)
_segments = st.recursive(
    st.dictionaries(st.sampled_from(["BELNR", "MENGE", "KTEXT"]), _texts, min_size=1),
    lambda inner: st.fixed_dictionaries(
        {"POSEX": _texts, "E1EDP19": st.lists(inner, min_size=1, max_size=3)}
    ),
    max_leaves=8,
)


def _xml(name: str, segment: dict[str, Any]) -> str:
    inside = "".join(
        "".join(_xml(key, one) for one in value)
        if isinstance(value, list)
        else f"<{key}>{escape(value)}</{key}>"
        for key, value in segment.items()
    )
    return f'<{name} SEGMENT="1">{inside}</{name}>'


@settings(max_examples=25)
@given(st.lists(_segments, min_size=1, max_size=3))
def test_segments_of_any_shape_are_kept(segments: list[dict[str, Any]]) -> None:
    inside = "".join(_xml("E1EDP01", one) for one in segments)
    (row,) = rows_in(packet(f"<IDOC>{inside}</IDOC>"))
    assert json.loads(str(row["segments"])) == {"E1EDP01": segments}
    assert row["DOCNUM"] is None


FIELDS = {"docnum": "string", "city": "string"}
ENTRY: dict[str, Any] = {
    "columns": {
        "docnum": "DOCNUM", "city": {"column": "segments", "path": "$.E1EDKA1[0].ORT01"}
    },
    "identity": ["MANDT", "DOCNUM"],
    "occurred_at": {"expression": "CREDAT || CRETIM", "parse": "%Y%m%d%H%M%S"},
}  # fmt: skip


def test_files_hold_packets_and_an_idoc_sent_again_is_the_same_event(
    stack: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "1.xml").write_bytes(packet(order(1), order(2, "Bonn")))
    (folder / "2.xml").write_bytes(packet(order(2, "Bonn"), order(3)))
    (folder / "3.xml").write_bytes(packet(order(4))[:-15])
    (folder / "4.xml").write_bytes(BOMB + b"<ORDERS05><IDOC/></ORDERS05>")
    (folder / "5.xml").write_bytes(packet("<IDOC><EDI_DC40><MANDT>100</MANDT></EDI_DC40></IDOC>"))
    options = {"names": "*.xml", "format": "idoc", "settled_seconds": 0}
    with new_source(
        stack, tmp_path / "sources", "files", config={"folder": str(folder)}, options=options,
        fields=FIELDS, **ENTRY,
    ) as scene:  # fmt: skip
        (outcome,) = pull(stack, scene.source)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (4, 3, None)
        events = scene.events()
    assert [one["after"]["docnum"][-1] for one in events] == ["1", "2", "2", "3"]
    assert events[1]["event_id"] == events[2]["event_id"]
    assert events[1]["after"]["city"] == "Bonn"
    told = " ".join(outcome.reasons)
    assert "damaged or cut off" in told
    assert "declares entities (a, b)" in told
    assert "identity: a part of it is missing" in told


@pytest.fixture
def scene(stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("SAP_PASSWORD", PASSWORD)
    monkeypatch.setenv("SAP_OLD_PASSWORD", "old")
    config = {"user": USER, "passwords": ["SAP_PASSWORD", "SAP_OLD_PASSWORD"]}
    with new_source(
        stack, tmp_path, "sap_idoc", config=config, options={}, fields=FIELDS, **ENTRY
    ) as made:
        yield made
    receiver_of(stack).close()


def test_idocs_are_posted_and_answered_when_they_are_in_the_log(scene: Scene) -> None:
    url = f"http://127.0.0.1:{scene.settings.webhook_port}/hooks/{scene.name}/rows"
    reader = open_reader(scene.settings, scene.source)
    assert reader.check() == f"2 secrets; deliveries are taken at {url}"
    running = Running(scene)

    def post(body: bytes, password: str = PASSWORD, **headers: str) -> httpx.Response:
        return httpx.post(
            url, content=body, auth=(USER, password), headers={**XML, **headers}, timeout=30
        )

    first = packet(order(1), order(2, "Köln"))
    wait_until(lambda: post(first).status_code == 200, what="the source is read", timeout=30)
    assert [row["docnum"][-1] for row in scene.rows()] == ["1", "2"]
    assert scene.rows()[1]["city"] == "Köln"
    assert post(first).json() == {"result": "repeated"}
    assert post(packet(order(3)), "old").status_code == 200
    assert post(first, "wrong").status_code == 401
    assert post(BOMB + b"<ORDERS05><IDOC/></ORDERS05>").status_code == 400
    assert post(first, **{"Content-Type": "text/plain"}).status_code == 415
    running.stop()
    assert [row["docnum"][-1] for row in scene.rows()] == ["1", "2", "3"]
    ((_, headers),) = scene.letters()
    assert "entities are never resolved" in headers["reason"]


def test_a_user_is_part_of_what_is_checked() -> None:
    kind = connector_type("sap_idoc")
    with pytest.raises(ValueError, match="should match pattern"):
        kind.config.model_validate({"user": "a:b", "passwords": ["P"]})
