"""Files of each format: what is read, under which heading and page, and what is refused."""

from __future__ import annotations

import zipfile
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from pptx.util import Inches
from pypdf import PdfReader, PdfWriter

from platform_assets.core.settings import REPOSITORY
from reports.knowledge.model import Document, RefusedError
from reports.knowledge.parsing import choose
from reports.knowledge.parsing.choose import parse

DATA = REPOSITORY.parent / "shared" / "data"


def read(path: Path) -> list[tuple[str, int | None, str]]:
    return [
        (block.heading, block.page, block.text)
        for block in parse(path).blocks
        if block.text.strip()
    ]


def page_stream(text: str) -> bytes:
    return f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode("latin-1")


def pdf(path: Path, pages: list[str], damaged: int | None = None) -> PdfWriter:
    """A small PDF with a standard font, written by hand so that no other library is needed."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, text in enumerate(pages):
        stream = page_stream(text)
        coded = b"/Filter /FlateDecode " if number == damaged else b""
        objects.append(b"<< %s/Length %d >>\nstream\n%s\nendstream" % (coded, len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    content += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    content += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        content.index(b"xref\n0"),
    )
    path.write_bytes(content)
    return PdfWriter(clone_from=PdfReader(path))


def test_pdf_pages_under_their_bookmarks(tmp_path: Path) -> None:
    path = tmp_path / "plan.pdf"
    writer = pdf(path, ["Preface of the plan", "Germany grows", "Still Germany"])
    part = writer.add_outline_item(title="Part", page_number=1)
    writer.add_outline_item(title="Germany", page_number=1, parent=part)
    writer.add_metadata({"/Title": "The plan"})
    writer.write(path)
    assert parse(path).title == "The plan"
    assert read(path) == [
        ("", 1, "Preface of the plan"),
        ("Part > Germany", 2, "Germany grows"),
        ("Part > Germany", 3, "Still Germany"),
    ]


def test_pdf_with_a_password_is_refused_and_without_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "locked.pdf"
    writer = pdf(path, ["Secret plan"])
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(path)
    with pytest.raises(RefusedError, match=r"locked\.pdf: encrypted") as refused:
        parse(path)
    assert refused.value.rule == "encrypted"
    writer = pdf(path, ["Printing forbidden"])
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(path)
    assert read(path) == [("", 1, "Printing forbidden")]


def test_a_page_that_fails_is_a_flaw_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pypdf import PageObject

    whole = PageObject.extract_text

    def breaks(page: PageObject, *args: object) -> str:
        text = whole(page)
        if "second" in text:
            raise ValueError("broken operator")
        return text

    monkeypatch.setattr(PageObject, "extract_text", breaks)
    path = tmp_path / "some.pdf"
    pdf(path, ["first", "second", "third"])
    document = parse(path)
    assert [(block.page, block.text) for block in document.blocks] == [(1, "first"), (3, "third")]
    assert document.flaws == ("page 2: ValueError: broken operator",)


def test_pdf_without_text_is_refused_as_a_scan(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(tmp_path / "scan.pdf")
    with pytest.raises(RefusedError, match="text recognition") as refused:
        parse(tmp_path / "scan.pdf")
    assert refused.value.rule == "empty"


def test_word_paragraphs_and_tables_in_order_under_headings(tmp_path: Path) -> None:
    word = docx.Document()
    word.add_heading("Strategy 2011", 0)
    word.add_heading("Markets", 1)
    word.add_paragraph("We grow.")
    table = word.add_table(1, 3)
    for cell, text in zip(table.rows[0].cells, ["Germany", "Germany", "7 %"], strict=True):
        cell.text = text
    table.rows[0].cells[0].merge(table.rows[0].cells[1])
    word.add_heading("France", 2)
    word.add_paragraph("We stay.")
    word.add_heading("Costs", 1)
    word.add_paragraph("We save.")
    path = tmp_path / "strategy.docx"
    word.save(str(path))
    assert parse(path).title == "Strategy 2011"
    assert read(path) == [
        ("Strategy 2011 > Markets", None, "We grow."),
        ("Strategy 2011 > Markets", None, "Germany Germany | 7 %"),
        ("Strategy 2011 > Markets > France", None, "We stay."),
        ("Strategy 2011 > Costs", None, "We save."),
    ]


def test_slides_with_title_table_and_notes(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    for title in ("Outlook", "Risks"):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"Body of {title}"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(1), Inches(3), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Freight", "high"
    slide.notes_slide.notes_text_frame.text = "Say it calmly."
    path = tmp_path / "deck.pptx"
    deck.save(str(path))
    found = read(path)
    assert ("Outlook", 1, "Body of Outlook") in found
    assert ("Risks", 2, "Freight | high") in found
    assert ("Risks", 2, "Say it calmly.") in found


def test_sheets_row_by_row_with_values(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Benchmarks"
    sheet.append(["Peer", "Return rate", "Since"])
    sheet.append(["Acme", 0.1, datetime(2010, 12, 1)])  # noqa: DTZ001 - as Excel holds it
    book.create_sheet("Empty")
    path = tmp_path / "peers.xlsx"
    book.save(path)
    assert read(path) == [
        ("Benchmarks", None, "Peer | Return rate | Since"),
        ("Benchmarks", None, "Acme | 0.1 | 2010-12-01"),
    ]


def test_html_shows_what_a_browser_shows(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        "<html><head><title>Freight &amp; ports</title><style>p {}</style></head><body>"
        "<script>steal()</script><!-- hidden --><h1>Ports</h1><p>Rates <b>do</b>uble.</p>"
        "<h2>Asia</h2><table><tr><th>Port</th><td>Rate</td></tr></table>"
        "<template>unseen</template><div>Loose <i>text</i><p>Inner</p>tail</div></body></html>"
    )
    assert parse(path).title == "Freight & ports"
    assert read(path) == [
        ("Ports", None, "Rates double."),
        ("Ports > Asia", None, "Port | Rate"),
        ("Ports > Asia", None, "Loose text"),
        ("Ports > Asia", None, "Inner"),
        ("Ports > Asia", None, "tail"),
    ]


def test_markdown_with_table_code_and_html(tmp_path: Path) -> None:
    path = tmp_path / "note.md"
    path.write_text(
        "# Note\n\nFirst *line*\nsecond.\n\n## Rates\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "- item `x`\n\n```\ncode\n```\n\n<div onclick='x()'>boxed<script>y()</script></div>\n"
    )
    assert read(path) == [
        ("Note", None, "First line\nsecond."),
        ("Note > Rates", None, "a | b"),
        ("Note > Rates", None, "1 | 2"),
        ("Note > Rates", None, "item x"),
        ("Note > Rates", None, "code\n"),
        ("Note > Rates", None, "boxed"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_texts_in_several_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes("Umsätze für März.\r\n\r\nÜber Plan.".encode(encoding))
    assert [text for _, _, text in read(path)] == ["Umsätze für März.", "Über Plan."]


def test_mail_with_its_headers_and_its_attachment_named(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Rates for März", "desk@example.org"
    mail.set_content("Rates rise.\n\nBook early.")
    mail.add_alternative("<p>Rates rise.</p>", subtype="html")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="rates.pdf")
    path = tmp_path / "mail.eml"
    path.write_bytes(bytes(mail))
    document = parse(path)
    assert document.title == "Rates for März"
    assert [block.text.strip() for block in document.blocks] == [
        "From: desk@example.org", "Rates rise.", "Book early.",
    ]  # fmt: skip
    assert document.flaws == ("attachment rates.pdf is not read",)


@pytest.mark.parametrize("suffix", [".pdf", ".docx", ".pptx", ".xlsx"])
def test_noise_is_refused_as_damaged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(RefusedError, match="noise") as refused:
        parse(path)
    assert refused.value.rule == "damaged"


def test_a_zip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "MAX_UNPACKED_BYTES", 1000)
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "x" * 2000)
    with pytest.raises(RefusedError, match="unpacked") as refused:
        parse(path)
    assert refused.value.rule == "size"


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "MAX_BYTES", 10)
    path = tmp_path / "long.txt"
    path.write_text("more than ten bytes")
    with pytest.raises(RefusedError, match="at most 10") as refused:
        parse(path)
    assert refused.value.rule == "size"


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_real_files_are_read_or_refused_by_a_rule() -> None:
    read_documents: dict[str, Document] = {}
    refused: dict[str, str] = {}
    messages: dict[str, str] = {}
    for folder in ("office_docs", "pdf_samples"):
        for path in sorted((DATA / folder).iterdir()):
            if path.suffix.lower() not in {".pdf", ".docx", ".pptx", ".xlsx", ".html", ".eml"}:
                continue
            try:
                read_documents[path.name] = parse(path)
            except RefusedError as error:
                messages[path.name] = str(error)
                refused[path.name] = error.rule
    assert len(read_documents) > 60
    assert refused["testEXCEL_protected_passtika.xlsx"] == "encrypted"
    assert refused["testPPT_protected_passtika.pptx"] == "encrypted"
    assert "Apache Tika" in " ".join(block.text for block in read_documents["testPDF.pdf"].blocks)
    assert refused["testWORD_truncated.docx"] == "damaged"
    assert set(refused.values()) == {"encrypted", "damaged", "empty"}
    assert len(refused) < len(read_documents)
    assert all(name in message for name, message in messages.items())
