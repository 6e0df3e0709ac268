"""What the connector ``files`` makes of each format, dialect and damage; no server is needed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import openpyxl
import polars as pl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc

from platform_assets.connectors.kinds.files import text
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.sniff import sniff
from platform_assets.connectors.kinds.files.types import FolderConfig
from platform_assets.connectors.seam.reader import ConnectorError, Context, Page
from platform_assets.connectors.seam.types import connector_type
from platform_assets.core.settings import get_settings


class Shelf:
    """A folder of files, and a reader of it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        given = {"settled_seconds": 0, **options}
        context = Context(
            get_settings(),
            "shelf",
            folder,
            {"rows": FileStream.model_validate(given)},
            threading.Event(),
        )
        self.reader = connector_type("files").open(FolderConfig(folder=str(folder)), context)
        self.cursor: Any = None

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def pages(self) -> list[Page]:
        found = []
        for page in self.reader.read("rows", self.cursor):
            # As the log keeps it.
            self.cursor = json.loads(json.dumps(page.cursor))
            found.append(page)
        return found

    def rows(self) -> list[dict[str, Any]]:
        return [row for page in self.pages() for row in page.rows.to_pylist()]

    def values(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k[0] != "_"} for row in self.rows()]

    def refused(self) -> list[str]:
        return [f"{one.place}: {one.reason}" for page in self.pages() for one in page.refused]


ROWS = [{"id": 1, "city": "Köln"}, {"id": 2, "city": None}, {"id": 3, "city": "Ulm"}]


def as_text(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: None if v is None else str(v) for k, v in row.items()} for row in rows]


def avro(rows: list[dict[str, Any]]) -> bytes:
    schema = {
        "type": "record", "name": "r",
        "fields": [{"name": "id", "type": "long"}, {"name": "city", "type": ["null", "string"]}],
    }  # fmt: skip
    out = io.BytesIO()
    fastavro.writer(out, schema, rows)
    return out.getvalue()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(rows).write_parquet(out)
    return out.getvalue()


def orc_of(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    orc.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def excel(rows: list[dict[str, Any]], **more: Any) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    for title in more.get("hidden", []):
        book.create_sheet(title).sheet_state = "hidden"
    if "cell" in more:
        sheet["B3"] = more["cell"]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    return b"id,city\n" + b"".join(f"{row['id']},{row['city'] or ''}\n".encode() for row in rows)


def test_typed_formats_keep_their_types(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    makers = {"parquet": parquet, "avro": avro, "orc": orc_of, "jsonl": jsonl}
    for end, made in makers.items():
        shelf.put(f"x.{end}", made(ROWS))
        assert shelf.values() == ROWS, end
    shelf.put("y.json", json.dumps(ROWS).encode())
    assert shelf.values() == ROWS
    nested = Shelf(tmp_path, names="n.json", document={"rows": "data.items"})
    nested.put("n.json", json.dumps({"data": {"items": ROWS}}).encode())
    assert nested.values() == ROWS
    assert len(shelf.refused()) == 0
    shelf.put("z.xlsx", excel(ROWS, hidden=["secret"]))
    assert shelf.values() == as_text(ROWS)
    assert shelf.rows() == []


@pytest.mark.parametrize("end", ["gz", "zst", "zip"])
def test_packed_files(tmp_path: Path, end: str) -> None:
    shelf = Shelf(tmp_path, page_rows=2)

    def packed(content: bytes) -> bytes:
        if end == "gz":
            return gzip.compress(content)
        if end == "zst":
            return zstandard.compress(content)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("rows.csv" if content[:2] == b"id" else "rows.parquet", content)
        return out.getvalue()

    shelf.put(f"a.csv.{end}", packed(as_csv(ROWS)))
    found = shelf.rows()
    assert [row["id"] for row in found] == ["1", "2", "3"]
    assert [row["_row"] for row in found] == [1, 2, 3]
    shelf.put(f"b.parquet.{end}", packed(parquet(ROWS)))
    assert shelf.values() == ROWS
    whole = packed(as_csv([{"id": n, "city": "Ulm"} for n in range(20_000)]))
    shelf.put(f"c.csv.{end}", whole[: len(whole) * 2 // 3])
    shelf.put("d.csv", as_csv(ROWS))
    pages = shelf.pages()
    (told,) = [one for page in pages for one in page.refused]
    assert told.place == f"c.csv.{end}"
    assert "the file is refused" in told.reason
    # Cut off: not even its first row; and the next file is read all the same.
    assert [row["id"] for page in pages for row in page.rows.to_pylist()] == ["1", "2", "3"]
    assert shelf.pages() == []


@pytest.mark.parametrize("end", ["gz", "zst", "zip"])
def test_bombs_are_refused(tmp_path: Path, end: str) -> None:
    shelf = Shelf(tmp_path)
    size = 70 * 1024 * 1024
    if end == "zip":
        with zipfile.ZipFile(tmp_path / "a.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", bytes(size))
    else:
        packer = gzip.compress if end == "gz" else zstandard.compress
        shelf.put(f"a.csv.{end}", packer(bytes(size)))
    (told,) = shelf.refused()
    assert "unpacks to more than" in told


def test_damaged_files_are_refused_by_name_and_the_others_read(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, columns=["id"])
    for end, made in {"parquet": parquet, "avro": avro, "orc": orc_of}.items():
        shelf.put(f"a.{end}", made(ROWS)[:-9])
    shelf.put("b.json", b'[{"id": 1}, {"id"')
    shelf.put("c.csv", b"")
    shelf.put("d.csv", b"name;city\n1;2\n")
    shelf.put("e.xlsx", excel(ROWS)[:-50])
    shelf.put("f.unknown", b"?")
    shelf.put("g.csv", b"id,id\n1,2\n")
    shelf.put("z.csv", as_csv(ROWS))
    pages = shelf.pages()
    told = {one.place: one.reason for page in pages for one in page.refused}
    assert sorted(told) == [
        "a.avro", "a.orc", "a.parquet", "b.json", "c.csv", "d.csv", "e.xlsx", "f.unknown", "g.csv",
    ]  # fmt: skip
    assert "damaged or cut off" in told["a.parquet"]
    assert "empty" in told["c.csv"]
    assert "no column id (values are separated by ';')" in told["d.csv"]
    assert "named twice" in told["g.csv"]
    assert sum(page.rows.num_rows for page in pages) == 3
    assert shelf.pages() == []
    # Mended, it is read.
    shelf.put("d.csv", b"id,city\n1,2\n")
    assert shelf.values() == [{"id": "1", "city": "2"}]


def test_a_bad_line_of_json_is_refused_alone(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("a.jsonl", b'{"id": 1}\n\n{"id": \n[3]\n{"id": 9007199254740993, "n": {"m": [1]}}')
    pages = shelf.pages()
    assert [one.place for one in pages[0].refused] == ["a.jsonl, line 3", "a.jsonl, line 4"]
    assert [(row["id"], row["_row"]) for row in pages[0].rows.to_pylist()] == [
        (1, 1), (9007199254740993, 4)
    ]  # fmt: skip


def test_values_of_several_types_are_text_and_no_value_becomes_another(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, names="*.json")
    rows = [{"n": 1, "m": "Köln", "e": {}}, {"n": 2.5, "m": {"town": "Köln"}}, {"n": True}]
    shelf.put("a.json", json.dumps(rows).encode())
    assert shelf.values() == [
        {"n": "1", "m": "Köln", "e": "{}"},
        {"n": "2.5", "m": '{"town": "Köln"}', "e": None},
        {"n": "true", "m": None, "e": None},
    ]


def test_a_workbook_with_formulas_dates_and_sheets(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("a.xlsx", excel(ROWS, cell="=A2&A3"))
    pages = shelf.pages()
    (told,) = pages[0].refused
    assert (told.place, told.reason) == (
        "a.xlsx, row 3", "cell B3: a formula without its value: save it in Excel"
    )  # fmt: skip
    assert pages[0].rows["id"].to_pylist() == ["1", "3"]
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.active
    assert sheet is not None
    from datetime import datetime

    sheet.append(["day", "price"])
    sheet.append([datetime(2026, 4, 3), 19.99])  # noqa: DTZ001
    book.create_sheet("more")
    book.create_sheet("old").sheet_state = "hidden"
    book.save(tmp_path / "b.xlsx")
    (reason,) = shelf.refused()
    assert "which sheet?" in reason
    assert "sheets: Sheet, more; hidden: old" in reason
    named = Shelf(tmp_path, names="b.xlsx", excel={"sheet": "Sheet"})
    assert named.values() == [{"day": "2026-04-03", "price": "19.99"}]


def test_fixed_width(tmp_path: Path) -> None:
    columns = [{"name": "id", "start": 1, "length": 4}, {"name": "city", "start": 5, "length": 6}]
    shelf = Shelf(tmp_path, format="fixed", fixed={"columns": columns, "encoding": "cp1252"})
    shelf.put("a.dat", "0001Köln\r\n\r\n0002\r\n0003Ulm   more\r\n".encode("cp1252"))
    pages = shelf.pages()
    assert [row["city"] for row in pages[0].rows.to_pylist()] == ["Köln", "Ulm"]
    assert [one.place for one in pages[0].refused] == ["a.dat, line 3"]


INVOICE = """<?xml version="1.0"?>{doctype}<?style x?><!-- an invoice -->
<Invoice xmlns="urn:a" xmlns:cbc="urn:b"><cbc:ID>R-1</cbc:ID>
<InvoiceLine><cbc:ID>1</cbc:ID><Price><cbc:Amount currency="EUR">2.50</cbc:Amount></Price>
</InvoiceLine>
<InvoiceLine><cbc:ID>2</cbc:ID><Price><cbc:Amount currency="EUR">9</cbc:Amount></Price>
</InvoiceLine>
<Due>{due}</Due></Invoice>"""
XML = {
    "row": "Invoice/InvoiceLine",
    "columns": {
        "line": "ID", "amount": "Price/Amount", "currency": "Price/Amount/@currency",
        "invoice": "/Invoice/ID", "due": "/Invoice/Due", "none": "Nothing",
    },
}  # fmt: skip


def test_xml_by_the_path_of_a_row(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, xml=XML, page_rows=1)
    shelf.put("a.xml", INVOICE.format(doctype="", due="2026-05-01").encode())
    assert shelf.values() == [
        {"line": line, "amount": amount, "currency": "EUR", "invoice": "R-1", "due": "2026-05-01",
         "none": None} for line, amount in (("1", "2.50"), ("2", "9"))
    ]  # fmt: skip
    shelf.put("b.xml", INVOICE.format(doctype="", due="x").encode()[:-30])
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    entity = f'<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file://{secret}">]>'
    shelf.put("c.xml", INVOICE.format(doctype=entity, due="&x;").encode())
    bomb = '<!DOCTYPE Invoice [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    shelf.put("d.xml", INVOICE.format(doctype=bomb, due="&b;").encode())
    told = " ".join(shelf.refused())
    assert "b.xml: not XML, damaged or cut off" in told
    assert told.count("it declares entities") == 2
    assert "hidden" not in told


def test_real_invoices_give_their_lines(tmp_path: Path) -> None:
    folder = Path("/work/shared/data/einvoice_en16931")
    if not folder.is_dir():
        pytest.skip("no invoices here")
    columns = {"line": "ID", "amount": "LineExtensionAmount", "invoice": "/Invoice/ID"}
    xml = {"row": "Invoice/InvoiceLine", "columns": columns}
    found = Shelf(folder, names="ubl-tc434-example1.xml", xml=xml).values()
    assert len(found) == 20
    assert all(row["line"] and Decimal(str(row["amount"])) and row["invoice"] for row in found)


def test_a_stray_quote_costs_its_own_line(tmp_path: Path) -> None:
    lines = [f"{n},Ulm,{n},x" for n in range(1, 301)]
    lines[99] = '100,"Ulm,100,x'
    lines[119] = '120,Ulm",120,x'
    shelf = Shelf(tmp_path)
    shelf.put("a.csv", ("id,city,n,m\n" + "\n".join(lines)).encode())
    pages = shelf.pages()
    assert sum(page.rows.num_rows for page in pages) == 299
    (told,) = [one for page in pages for one in page.refused]
    assert told.place == "a.csv, line 101"
    assert "takes in the rows below it" in told.reason


def test_damaged_text_costs_its_own_line(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("a.csv", b"id,city\n1,K\xf6ln\n2,Ulm\n3,\0\n4,a,b\n")
    pages = shelf.pages()
    assert [row["id"] for row in pages[0].rows.to_pylist()] == ["2"]
    assert [(one.place[-1], one.reason) for one in pages[0].refused] == [
        ("2", "not utf-8"), ("4", "a NUL character"), ("5", "3 values for 2 columns")
    ]  # fmt: skip
    utf16 = Shelf(tmp_path, names="b.csv")
    utf16.put("b.csv", "id,city\n1,Köln\n".encode("utf-16-le"))
    (told,) = utf16.refused()
    assert "this is UTF-16" in told


def test_settled_files_only_in_order_each_content_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, settled_seconds=3600)
    shelf.put("b.csv", as_csv(ROWS))
    assert shelf.pages() == []
    import os

    os.utime(tmp_path / "b.csv", (1, 1))
    assert len(shelf.values()) == 3
    shelf.put("copy.csv", as_csv(ROWS))
    os.utime(tmp_path / "copy.csv", (1, 1))
    assert shelf.values() == []
    shelf.put("a.csv", as_csv(ROWS[:1]))
    os.utime(tmp_path / "a.csv", (1, 1))
    assert len(shelf.values()) == 1


def test_the_cursor_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from platform_assets.connectors.kinds.files import progress

    monkeypatch.setattr(progress, "_RECENT", 3)
    monkeypatch.setattr(progress, "_MOST", 5)
    for n in range(6):
        (tmp_path / f"{n}.csv").write_bytes(f"id\n{n}\n".encode())
    grown = Shelf(tmp_path, append_only=True)
    assert [row["id"] for row in grown.values()] == list("012345")
    assert sorted(grown.cursor["done"]) == ["3.csv", "4.csv", "5.csv"]
    assert grown.cursor["mark"] == "2.csv"
    grown.put("1.csv", b"id\n7\n")
    grown.put("6.csv", b"id\n6\n")
    assert [row["id"] for row in grown.values()] == ["6"]
    with pytest.raises(ConnectorError, match="append_only"):
        Shelf(tmp_path).pages()
    monkeypatch.setattr(progress, "_MOST", 5000)
    monkeypatch.setattr(progress, "_LARGEST", 300)
    with pytest.raises(ConnectorError, match="more than a cursor holds"):
        Shelf(tmp_path).pages()


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet", "avro", "xlsx", "json", "orc"])
def test_a_read_goes_on_at_the_row_where_it_ended(tmp_path: Path, end: str) -> None:
    rows = [{"id": n, "city": f"town {n}"} for n in range(1, 38)]
    made = {
        "csv": as_csv, "jsonl": jsonl, "parquet": parquet, "avro": avro, "xlsx": excel,
        "json": lambda rows: json.dumps(rows).encode(), "orc": orc_of,
    }[end]  # fmt: skip
    for name in ("a", "b"):
        (tmp_path / f"{name}.{end}").write_bytes(made(rows if name == "a" else rows[:5]))
    found, cursor = [], None
    for _ in range(9):
        # Each time a new reader, which is killed after one page.
        shelf = Shelf(tmp_path, page_rows=5)
        shelf.cursor = cursor
        page = next(iter(shelf.reader.read("rows", cursor)))
        cursor = json.loads(json.dumps(page.cursor))
        found += [(row["_file"], row["_row"], int(row["id"])) for row in page.rows.to_pylist()]
    whole = [("a", n) for n in range(1, 38)] + [("b", n) for n in range(1, 6)]
    assert found == [(f"{name}.{end}", n, n) for name, n in whole]
    assert list(Shelf(tmp_path).reader.read("rows", cursor)) == []


def test_a_dialect_is_suggested_and_two_ways_to_read_a_day_are_asked(tmp_path: Path) -> None:
    content = 'Nr;Total;Am;Bis\n1;"1.219,95";03/04/2026;28.02.2026\n2;4,50;01/02/2026;01.03.2026\n'
    found = sniff(content.replace("Nr", "Größe").encode("cp1252"))
    assert (found.encoding, found.delimiter, found.questions) == ("cp1252", ";", ("Am",))
    (tmp_path / "a.csv").write_bytes(content.encode())
    (stream,) = Shelf(tmp_path).reader.discover()
    assert "delimiter seems to be ';'" in stream.description
    assert "Total: decimal comma, `decimal: ','`, `thousands: '.'`" in stream.description
    assert "'03/04/2026' is a day in two ways: ask" in stream.description
    assert "Bis: day before month" in stream.description
    (stream,) = Shelf(tmp_path, csv={"delimiter": ";"}).reader.discover()
    assert stream.schema.names == ["Nr", "Total", "Am", "Bis"]


WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
) | st.sampled_from(['"', ",", ";", "\r\n", "\n", "\r", "'", '""', "|", "\t", "\\", "a\nb", " "])


@settings(max_examples=150, deadline=None)
@given(
    table=st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(WORDS, min_size=width, max_size=width), max_size=9)
    ),
    delimiter=st.sampled_from(",;\t|"),
    quote=st.sampled_from("\"'"),
    escape=st.sampled_from(["", "\\"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"]),
    chunk=st.sampled_from([8, 50, 10_000]),
)
def test_what_csv_writes_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[str]], delimiter: str, quote: str, escape: str, quoting: Any, end: str,
    encoding: str, chunk: int,
) -> None:  # fmt: skip
    width = len(table[0]) if table else 1
    if encoding == "cp1252":
        table = [[v.encode("cp1252", "ignore").decode("cp1252") for v in row] for row in table]
    if end == "\n" and quoting == csv.QUOTE_MINIMAL:
        # Python's writer leaves such a value bare, which nobody can read back.
        table = [[v.replace("\r", "") for v in row] for row in table]
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=delimiter, quotechar=quote, escapechar=escape or None,
        doublequote=not escape, quoting=quoting, lineterminator=end,
    )  # fmt: skip
    header = [f"c{n}" for n in range(width)]
    writer.writerows([header, *table])
    folder = tmp_path_factory.mktemp("law")
    dialect = {"delimiter": delimiter, "quote": quote, "escape": escape, "encoding": encoding}
    shelf = Shelf(folder, csv=dialect, page_rows=4)
    shelf.put("a.csv", out.getvalue().encode(encoding))
    before, text.CHUNK = text.CHUNK, chunk
    try:
        pages = shelf.pages()
    finally:
        text.CHUNK = before
    assert [one for page in pages for one in page.refused] == []
    found = [[row[name] for name in header] for page in pages for row in page.rows.to_pylist()]
    assert found == table
