"""Files: what a row becomes, and what becomes of a row that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_assets.connectors.envelope import event_id
from platform_assets.connectors.files import SOURCES, FileError, ingest
from platform_assets.connectors.mapping import EnvelopeMapping, UnmappableError
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
GOOD = "536365,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "online_retail"


def mapping() -> EnvelopeMapping:
    source = SOURCES["online_retail"]
    return EnvelopeMapping(load_contracts()[source.topic], source.name, source.mapping)


def row(**changes: str) -> dict[str, str]:
    names = HEADER.strip().split(",")
    return {**dict(zip(names, GOOD.strip().split(","), strict=True)), **changes}


def dry(path: Path, **options: bool):
    return ingest(Settings(), path, "online_retail", dry_run=True, **options)


def test_a_row_becomes_an_envelope() -> None:
    envelope = mapping().envelope({"row": row(), "line_no": 3}, 1)
    assert envelope.event_id == event_id("online_retail", "536365", "2010-12-01 08:26:00", 3)
    assert envelope.occurred_at == 1_291_191_960_000_000
    assert envelope.after == {
        "invoice_no": "536365",
        "line_no": 3,
        "stock_code": "85123A",
        "description": "LANTERN",
        "quantity": 6,
        "unit_price": 2.55,
        "customer_id": 17850,
        "country": "United Kingdom",
    }


def test_empty_text_is_null() -> None:
    envelope = mapping().envelope({"row": row(Description=" ", CustomerID=""), "line_no": 1}, 1)
    assert envelope.after is not None
    assert envelope.after["description"] is None
    assert envelope.after["customer_id"] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Quantity": "six"}, "quantity: 'six' is no whole number"),
        ({"Quantity": "1.5"}, "quantity: '1.5' is no whole number"),
        ({"UnitPrice": "nan"}, "unit_price: 'nan' is no number"),
        ({"InvoiceDate": "01/12/2010"}, "occurred_at: '01/12/2010' is no timestamp"),
    ],
)
def test_what_cannot_be_mapped_says_why(changes: dict[str, str], words: str) -> None:
    with pytest.raises(UnmappableError) as caught:
        mapping().envelope({"row": row(**changes), "line_no": 1}, 1)
    assert words in str(caught.value)


def test_bad_rows_are_counted_with_line_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_text(HEADER + GOOD + GOOD.replace(",6,", ",six,") + "1,2,3\n" + GOOD + '"open')
    result = dry(file)
    assert (result.events, result.dead_letters) == (2, 3)
    reasons = result.files[0].reasons
    assert reasons[0].startswith("day.csv, line 3: quantity")
    assert reasons[1] == "day.csv, line 4: 3 values for 8 columns"
    assert reasons[2].startswith("day.csv, line 6: not CSV")


def test_values_may_hold_line_breaks_and_odd_separators(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    strange = GOOD.replace("LANTERN", '"LANTERN,\nTWO LINES"') + GOOD.replace("LANTERN", "A\u2028B")
    file.write_text(HEADER + strange + GOOD.replace(",6,", ",x,"))
    result = dry(file)
    assert (result.events, result.dead_letters) == (2, 1)
    assert "line 5" in result.files[0].reasons[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "wrong header"),
        (b"a,b\n1,2\n", "no column InvoiceNo"),
        (HEADER.encode() + b"1,2,\xff\xfe,4,5,6,7,8\n", "line 2: not utf-8"),
    ],
)
def test_unusable_files_give_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "day.csv"
    file.write_bytes(content)
    with pytest.raises(FileError, match=r"day\.csv") as caught:
        dry(file)
    assert words in str(caught.value)


def test_in_a_folder_the_other_files_go_on(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n")
    (tmp_path / "2.csv").write_text(HEADER + GOOD)
    result = dry(tmp_path)
    assert result.events == 1
    assert "wrong header" in (result.files[0].error or "")


def test_wrong_arguments_give_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="unknown source 'sap'; sources: online_retail"):
        ingest(Settings(), tmp_path, "sap")
    with pytest.raises(FileError, match="no such file or folder"):
        dry(tmp_path / "nowhere")
    with pytest.raises(FileError, match="no CSV file"):
        dry(tmp_path)


def test_a_real_day_maps_whole() -> None:
    file = SHARED / "2010-12-05.csv"
    if not file.exists():
        pytest.skip(f"no data at {SHARED}")
    result = dry(file)
    lines = file.read_text().count("\n")
    assert result.events == lines - 1
    assert result.dead_letters == 0
