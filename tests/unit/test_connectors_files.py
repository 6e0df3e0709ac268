"""Files: what a row becomes, and what becomes of a row that is none."""

from __future__ import annotations

import gzip
import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.connectors.envelope import event_id
from platform_assets.connectors.file_sender import RowSender
from platform_assets.connectors.files import (
    FileError,
    FileOutcome,
    GivenFile,
    IngestResult,
    digest,
    ingest,
)
from platform_assets.connectors.mapping import EnvelopeMapping, UnmappableError
from platform_assets.connectors.produce import Record, RecordTooLargeError
from platform_assets.connectors.source_folder import load_file_sources
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
GOOD = "536365,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "online_retail"


def mapping() -> EnvelopeMapping:
    source = load_file_sources()["online_retail"]
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
        ({"Quantity": "six"}, "quantity: 'six' is not a valid whole number"),
        ({"Quantity": "1.5"}, "quantity: '1.5' is not a valid whole number"),
        ({"UnitPrice": "nan"}, "unit_price: 'nan' is not a valid number"),
        ({"InvoiceDate": "01/12/2010"}, "occurred_at: '01/12/2010' is not a valid timestamp"),
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


# What public bug reports of other tools name, each remade here.


class Capture:
    """Stands where the log is; keeps what would be sent."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def send(self, record: Record) -> None:
        self.records.append(record)


def sent(*paths: Path) -> tuple[IngestResult, list[dict[str, Any]]]:
    """Files sent in one go to a log that only keeps them; the events as they were encoded."""
    kind = load_file_sources()["online_retail"]
    contract = load_contracts()[kind.topic]
    capture = Capture()
    sender = RowSender(kind, contract, 1, capture)  # type: ignore[arg-type]
    result = IngestResult("online_retail")
    for path in paths:
        content = path.read_bytes()
        outcome = FileOutcome(str(path), hashlib.sha256(content).hexdigest())
        sender.send(path, content, outcome, None)
        result.files.append(outcome)
    schema = fastavro.parse_schema(value_schema(contract))
    events = [
        fastavro.schemaless_reader(io.BytesIO(record.value[5:]), schema)
        for record in capture.records
        if record.topic == str(kind.topic)
    ]
    return result, events


def written(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(HEADER + "".join(lines), newline="")
    return path


def item(number: int, code: str = "10001", name: str = "TIN MUG", **changes: str) -> str:
    cells = {"quantity": "6", "date": "2010-12-13 09:00:00", "price": "2.50",
             "customer": "15000", **changes}  # fmt: skip
    return (
        f"{number},{code},{name},{cells['quantity']},{cells['date']},{cells['price']},"
        f"{cells['customer']},France\n"
    )


def test_an_export_in_two_parts_loses_no_row(tmp_path: Path) -> None:
    one = written(tmp_path, "part-1.csv", item(600001), item(600001, "10002"))
    two = written(tmp_path, "part-2.csv", item(600001, "10003"), item(600001, "10004"))
    result, events = sent(one, two)
    assert (result.events, result.conflicts, result.dead_letters) == (4, 0, 0)
    assert len({event["event_id"] for event in events}) == 4


def test_equal_rows_of_two_parts_are_two_records_whatever_folder_they_are_in(
    tmp_path: Path,
) -> None:
    paths = [
        written(tmp_path / "a", "part-1.csv", item(600001), item(600001)),
        written(tmp_path / "a", "part-2.csv", item(600001)),
        written(tmp_path / "b", "part-1.csv", item(600001)),
    ]
    _, events = sent(*paths)
    assert len({event["event_id"] for event in events}) == 4


def test_the_same_rows_sent_again_have_the_same_ids(tmp_path: Path) -> None:
    path = written(tmp_path, "day.csv", item(600001), item(600001, "10002"))
    _, first = sent(path)
    _, again = sent(path)
    assert [event["event_id"] for event in first] == [event["event_id"] for event in again]


def test_a_corrected_file_keeps_its_ids_and_the_other_content_is_a_conflict(
    tmp_path: Path,
) -> None:
    half = written(
        tmp_path, "day.csv", item(600001), "600001,10002,TEA,6,2010-12-13,2.5,1,United K"
    )
    kind = load_file_sources()["online_retail"]
    capture = Capture()
    sender = RowSender(kind, load_contracts()[kind.topic], 1, capture)  # type: ignore[arg-type]
    outcomes = []
    whole = "600001,10002,TEA,6,2010-12-13,2.5,1,United Kingdom\n"
    for text in (half.read_text(), HEADER + item(600001) + whole):
        outcome = FileOutcome(str(half), hashlib.sha256(text.encode()).hexdigest())
        sender.send(half, text.encode(), outcome, None)
        outcomes.append(outcome)
    assert (outcomes[0].records, outcomes[0].conflicts) == (2, 0)
    assert (outcomes[1].records, outcomes[1].conflicts, outcomes[1].dead_letters) == (1, 1, 1)
    assert "day.csv, line 3: conflict: event" in outcomes[1].reasons[0]
    dead = capture.records[-1]
    assert (dead.topic, dead.value) == ("retail.invoice_lines.dlq", whole.encode())


def test_a_row_that_no_topic_takes_is_a_dead_letter_and_its_neighbours_are_sent(
    tmp_path: Path,
) -> None:
    class Narrow(Capture):
        def send(self, record: Record) -> None:
            if len(record.value or b"") > 1_000 and not record.topic.endswith(".dlq"):
                raise RecordTooLargeError("a record of 5,000 bytes")
            super().send(record)

    path = written(tmp_path, "day.csv", item(1), item(2, name="x" * 600_000), item(3))
    kind, capture = load_file_sources()["online_retail"], Narrow()
    sender = RowSender(kind, load_contracts()[kind.topic], 1, capture)  # type: ignore[arg-type]
    content = path.read_bytes()
    outcome = FileOutcome(str(path), hashlib.sha256(content).hexdigest())
    sender.send(path, content, outcome, None)
    assert (outcome.records, outcome.dead_letters) == (2, 1)
    (dead,) = [record for record in capture.records if record.topic.endswith(".dlq")]
    assert dict(dead.headers)["source_bytes"] == str(len(item(2, name="x" * 600_000))).encode()
    assert len(dead.value or b"") == 512 * 1024


def test_a_long_number_arrives_exactly(tmp_path: Path) -> None:
    path = written(tmp_path, "day.csv", item(600001, customer="9007199254740993.0"))
    _, (event,) = sent(path)
    assert event["after"]["customer_id"] == 9007199254740993


@pytest.mark.parametrize("bad", [1, 2, 7, 298, 300])
def test_an_open_quote_costs_its_own_row(tmp_path: Path, bad: int) -> None:
    lines = [item(600000 + n) for n in range(300)]
    lines[bad - 1] = item(600000 + bad - 1, name='"3 INCH RIBBON')
    result = dry(written(tmp_path, "day.csv", *lines))
    assert (result.events, result.dead_letters) == (299, 1)
    assert f"day.csv, line {bad + 1}: not CSV: a quote is opened" in result.files[0].reasons[0] or (
        f"day.csv, line {bad + 1}: not CSV: a quote is not closed" in result.files[0].reasons[0]
    )


def test_two_stray_quotes_do_not_pair_up_over_the_rows_between(tmp_path: Path) -> None:
    lines = [item(600000 + n) for n in range(40)]
    lines[3] = item(600003, name='"3 INCH RIBBON')
    lines[9] = item(600009, name='5 INCH RIBBON"')
    result = dry(written(tmp_path, "day.csv", *lines))
    assert result.events + result.dead_letters == 40
    assert result.events >= 38


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_line_is_an_event_or_a_dead_letter_wherever_quotes_stray(
    tmp_path: Path, data: st.DataObject
) -> None:
    lines = [item(600000 + n) for n in range(30)]
    places = data.draw(st.sets(st.integers(0, 29), max_size=4))
    for place in places:
        name = data.draw(st.sampled_from(['"3 INCH', '3 INCH"', '3" WIDE', '"A" B', '""C']))
        lines[place] = item(600000 + place, name=name)
    result = dry(written(tmp_path, "day.csv", *lines))
    assert result.events + result.dead_letters == 30
    assert result.dead_letters <= len(places)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Quantity", "(5)"), ("Quantity", "5-"), ("Quantity", "1 000"), ("Quantity", "1_000"),
        ("Quantity", "\u0664"), ("Quantity", "1e3"), ("Quantity", "0x10"),
        ("UnitPrice", "1,234.50"), ("UnitPrice", "2,55"), ("UnitPrice", "(1,234.50)"),
        ("UnitPrice", "1_0.5"), ("UnitPrice", "\u0664.5"), ("UnitPrice", "9007199254740993"),
        ("UnitPrice", "inf"), ("UnitPrice", "$5"), ("CustomerID", "1234_5"),
        ("CustomerID", "9223372036854775808"), ("InvoiceDate", "13/12/2010 09:00"),
        ("InvoiceDate", "40525.375"), ("InvoiceDate", "2010-W50-1"),
        ("InvoiceDate", "2010-12-13x09:00"), ("Description", "TIN\0MUG"),
    ],
)  # fmt: skip
def test_text_of_another_notation_is_not_guessed(column: str, text: str) -> None:
    fields = {"Quantity": "quantity", "UnitPrice": "unit_price", "CustomerID": "customer_id",
              "InvoiceDate": "occurred_at", "Description": "description"}  # fmt: skip
    with pytest.raises(UnmappableError, match=f"^{fields[column]}: "):
        mapping().envelope({"row": row(**{column: text}), "line_no": 1}, 1)


@given(value=st.integers(-(2**63), 2**63 - 1), point=st.sampled_from(["", ".", ".0", ".000"]))
def test_whole_numbers_arrive_exactly_or_not_at_all(value: int, point: str) -> None:
    after = mapping_of().envelope({"row": row(CustomerID=f"{value}{point}"), "line_no": 1}, 1).after
    assert after is not None
    assert after["customer_id"] == value


@cache
def mapping_of() -> EnvelopeMapping:
    return mapping()


@pytest.mark.parametrize(
    ("content", "word", "hint"),
    [
        ((HEADER + GOOD).encode("utf-16"), "UTF-16", "iconv -f utf-16 -t utf-8"),
        ((HEADER + GOOD).encode("utf-16-le"), "UTF-16", "iconv -f utf-16le -t utf-8"),
        ((HEADER + GOOD).encode("utf-16-be"), "UTF-16", "iconv -f utf-16be -t utf-8"),
        ((HEADER + GOOD).encode("utf-32"), "UTF-32", "iconv -f utf-32 -t utf-8"),
        (gzip.compress((HEADER + GOOD).encode()), "gzip", "gunzip"),
        (b"PK\x03\x04" + bytes(30), "Excel", "CSV UTF-8"),
    ],
    ids=["utf-16", "utf-16le", "utf-16be", "utf-32", "gzip", "xlsx"],
)
def test_files_that_are_no_text_are_refused_with_the_way_out(
    tmp_path: Path, content: bytes, word: str, hint: str
) -> None:
    file = tmp_path / "day.csv"
    file.write_bytes(content)
    with pytest.raises(FileError) as caught:
        dry(file)
    assert word in str(caught.value)
    assert hint in caught.value.hint
    assert "latin1" not in str(caught.value)


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_text(HEADER.strip() + ",Quantity\n" + GOOD.strip() + ",7\n")
    with pytest.raises(FileError, match=r"line 1: .*column Quantity is named twice"):
        dry(file)


def test_empty_columns_at_the_end_and_other_separators(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_text(HEADER.strip() + ",,\n" + GOOD.strip() + ",,\n")
    assert dry(file).events == 1
    file.write_text(HEADER.replace(",", ";"))
    with pytest.raises(FileError) as caught:
        dry(file)
    assert "separated by ';'" in caught.value.hint


def test_a_nul_costs_its_row(tmp_path: Path) -> None:
    file = written(tmp_path, "day.csv", item(600001), item(600002, name="TIN\0MUG"), item(600003))
    result = dry(file)
    assert (result.events, result.dead_letters) == (2, 1)
    assert "line 3: a NUL character" in result.files[0].reasons[0]


def test_only_the_content_that_was_handed_over_is_taken(tmp_path: Path) -> None:
    same = written(tmp_path, "a.csv", item(600001))
    other = written(tmp_path, "b.csv", item(600002))
    gone = written(tmp_path, "c.csv", item(600003))
    given = [GivenFile(path, path.stat().st_size, digest(path)) for path in (same, other, gone)]
    written(tmp_path, "b.csv", item(600004))
    gone.unlink()
    written(tmp_path, "d.csv", item(600005))
    result = ingest(Settings(), tmp_path, "online_retail", given=given, dry_run=True)
    assert [(Path(one.file).name, one.records, one.changed) for one in result.files] == [
        ("a.csv", 1, False), ("b.csv", 0, True), ("c.csv", 0, True),
    ]  # fmt: skip
