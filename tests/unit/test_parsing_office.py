"""Word, PowerPoint and Excel files: what a reader sees is read, and what is not read is named."""

# Markup is easier to read on one line.
# ruff: noqa: E501
from __future__ import annotations

import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment

from reports.knowledge.model import RefusedError
from reports.knowledge.parsing import choose, reading
from reports.knowledge.parsing.choose import parse
from tests.handmade_files import paragraph, run, slides, word


def texts(path: Path) -> list[str]:
    return [block.text for block in parse(path).blocks]


UP, DOWN = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
BOX = "<w:txbxContent><w:p><w:r><w:t>Boxed 12 %</w:t></w:r></w:p></w:txbxContent>"
TABLE = (
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>North</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc>"
    "<w:tc><w:p><w:r><w:t>120</w:t></w:r></w:p><w:p><w:r><w:t>340</w:t></w:r></w:p></w:tc>"
    "</w:tr></w:tbl>"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            run("a margin of ") + f"<w:del>{run('15 %').replace('w:t', 'w:delText')}</w:del>"
            f"<w:ins>{run('12 %')}</w:ins>" + run(" next year"),
            "a margin of 12 % next year",
            id="tracked change",
        ),
        pytest.param(
            f"<w:moveFrom>{run('old ')}</w:moveFrom><w:moveTo>{run('new ')}</w:moveTo>{run('x')}",
            "new x",
            id="tracked move",
        ),
        pytest.param(
            run("Head count was ") + f"<w:sdt><w:sdtContent>{run('412')}</w:sdtContent></w:sdt>",
            "Head count was 412",
            id="content control",
        ),
        pytest.param(
            "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr>"
            f"<w:sdtContent>{run('Click here')}</w:sdtContent></w:sdt>" + run("kept"),
            "kept",
            id="prompt of a content control",
        ),
        pytest.param(run("net\u00a0sales\u202fof\u2009£5"), "net sales of £5", id="odd blanks"),
        pytest.param(
            run("1,234") + run("2", UP) + run(" and 10") + run("6", UP) + run(" pieces"),
            "1,234^2 and 10^6 pieces",
            id="superscripts",
        ),
        pytest.param(
            run("the 21") + run("st", UP) + run(", CO") + run("2", DOWN) + run(", 12")
            + run("3", DOWN),
            "the 21st, CO2, 12_3",
            id="ordinals and subscripts",
        ),
        pytest.param(run("pro\ufb01t of \ufb02our"), "profit of flour", id="ligatures"),
        pytest.param(
            "<w:r><w:t>120</w:t><w:tab/><w:t>340</w:t><w:br/><w:t>500</w:t></w:r>",
            "120 | 340\n500",
            id="tab and break",
        ),
        pytest.param(
            '<w:hyperlink><w:r><w:t>linked </w:t></w:r></w:hyperlink><w:fldSimple w:instr="DATE">'
            f"{run('field ')}</w:fldSimple><w:smartTag>{run('tagged')}</w:smartTag>",
            "linked field tagged",
            id="wrappers",
        ),
        pytest.param(
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> IF </w:instrText></w:r>'
            + run("instruction")
            + '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
            + run("result")
            + '<w:r><w:fldChar w:fldCharType="end"/></w:r>',
            "result",
            id="field",
        ),
        pytest.param(
            "<m:oMath><m:r><m:t>x=</m:t></m:r><m:sSup><m:e><m:r><m:t>10</m:t></m:r></m:e>"
            "<m:sup><m:r><m:t>6</m:t></m:r></m:sup></m:sSup></m:oMath>",
            "x=10^6",
            id="formula",
        ),
    ],
)  # fmt: skip
def test_a_paragraph_of_word(tmp_path: Path, body: str, expected: str) -> None:
    path = word(tmp_path / "memo.docx", paragraph(body))
    assert texts(path) == [expected]


def test_blocks_in_content_controls_and_insertions(tmp_path: Path) -> None:
    body = (
        f"<w:sdt><w:sdtContent>{paragraph('Prepared for the board')}</w:sdtContent></w:sdt>"
        f"<w:customXml>{paragraph('Custom')}</w:customXml>"
        + paragraph("A margin of ", mark="<w:del/>")
        + paragraph("12 %")
    )
    assert texts(word(tmp_path / "memo.docx", body)) == [
        "Prepared for the board", "Custom", "A margin of 12 %",
    ]  # fmt: skip


def test_notes_headers_and_text_boxes(tmp_path: Path) -> None:
    box = (
        "<w:r><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx>"
        f"{BOX}</wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>{BOX}"
        "</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    body = paragraph(
        run("Sales per store rose.")
        + '<w:r><w:footnoteReference w:id="2"/><w:endnoteReference w:id="3"/></w:r>'
        + box
    )
    path = word(
        tmp_path / "memo.docx",
        body,
        footnotes='<w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>'
        f'<w:footnote w:id="2">{paragraph("Excludes 14 closed stores")}</w:footnote>',
        endnotes=f'<w:endnote w:id="3">{paragraph("Not audited")}</w:endnote>',
        header=paragraph("Draft"),
    )
    assert texts(path) == [
        "Sales per store rose.",
        "Footnote: Excludes 14 closed stores",
        "Endnote: Not audited",
        "Boxed 12 %",
        "Header: Draft",
    ]


def test_tables_keep_their_columns_and_read_tables_in_them(tmp_path: Path) -> None:
    outer = (
        f"<w:tbl><w:tr><w:tc>{paragraph('Outer')}{TABLE}</w:tc></w:tr>"
        f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{paragraph('deleted row')}</w:tc></w:tr></w:tbl>"
    )
    assert texts(word(tmp_path / "memo.docx", TABLE + outer)) == [
        "North |  | 120 / 340", "Outer", "North |  | 120 / 340",
    ]  # fmt: skip


def test_headings_by_style_whatever_its_language(tmp_path: Path) -> None:
    styles = (
        '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="Own"><w:basedOn w:val="berschrift1"/></w:style>'
        '<w:style w:styleId="Secret"><w:rPr><w:vanish/></w:rPr></w:style>'
    )
    body = paragraph("Markets", "berschrift1") + paragraph("We grow.")
    body += paragraph("Costs", "Own") + paragraph("We save.") + paragraph("Unseen", "Secret")
    document = parse(word(tmp_path / "memo.docx", body, styles=styles))
    assert [(block.heading, block.text) for block in document.blocks] == [
        ("Markets", "We grow."), ("Costs", "We save."),
    ]  # fmt: skip
    assert document.flaws == ("1 passage of hidden text is not read",)


def test_what_a_word_file_shows_beside_text_is_named(tmp_path: Path) -> None:
    body = (
        paragraph(
            run("Text.")
            + run("15", "<w:strike/>")
            + "<w:r><w:drawing><pic:pic/></w:drawing></w:r><w:r><w:drawing><pic:pic/></w:drawing></w:r>"
            + "<w:r><w:drawing><c:chart/></w:drawing></w:r><w:r><w:object><o:OLEObject/></w:object></w:r>"
        )
        + "<w:altChunk/>"
    )
    path = word(
        tmp_path / "memo.docx", body, comments=f"<w:comment>{paragraph('Is this so?')}</w:comment>"
    )
    document = parse(path)
    assert [block.text for block in document.blocks] == ["Text."]
    assert set(document.flaws) == {
        "1 passage of struck-out text is not read", "2 pictures are not read",
        "1 chart is not read", "1 embedded object is not read",
        "1 inserted document is not read", "1 comment is not read",
    }  # fmt: skip


def test_many_paragraphs_take_linear_time(tmp_path: Path) -> None:
    """Ten times the paragraphs may take thirty times as long, not a hundred."""

    def seconds(count: int) -> float:
        path = word(tmp_path / f"{count}.docx", paragraph("Sales rose.", "Normal") * count)
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            assert len(parse(path).blocks) == count
            best = min(best, time.process_time() - start)
        return best

    seconds(10)
    assert seconds(20_000) < 30 * seconds(2_000)


def test_a_zip_that_lies_about_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "MAX_UNPACKED_BYTES", 100_000)
    path = word(tmp_path / "bomb.docx", paragraph("x" * 1_000_000))
    whole = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("word/document.xml").header_offset
        size = archive.getinfo("word/document.xml").file_size.to_bytes(4, "little")
    assert whole[place : place + 4] == b"PK\x03\x04"
    path.write_bytes(whole.replace(size, (500).to_bytes(4, "little")))
    with pytest.raises(RefusedError, match=r"bomb\.docx") as refused:
        parse(path)
    assert refused.value.rule in {"size", "damaged"}


def test_xml_that_defines_entities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "laughs.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", '<!DOCTYPE x [<!ENTITY a "ha">]><x>&a;</x>')
    with pytest.raises(RefusedError, match="defines entities"):
        parse(path)


def test_one_text_repeated_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_CHARACTERS", 10_000)
    book = openpyxl.Workbook()
    for _ in range(20):
        book.active.append(["long " * 200])
    book.save(tmp_path / "bomb.xlsx")
    with pytest.raises(RefusedError, match="characters of text") as refused:
        parse(tmp_path / "bomb.xlsx")
    assert refused.value.rule == "size"


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        pytest.param(0.125, "0.0%", "12.5%", id="percent"),
        pytest.param(0.0625, "0.00%", "6.25%", id="percent with two decimals"),
        pytest.param(1234567.5, "#,##0", "1,234,568", id="thousands"),
        pytest.param(-1234.5, "#,##0.00;(#,##0.00)", "(1,234.50)", id="accounting"),
        pytest.param(1234.5, "[$€-407] #,##0.00", "€ 1,234.50", id="currency"),
        pytest.param(1500000, '0.0,,"M"', "1.5M", id="millions"),
        pytest.param(12345678901234, "General", "12345678901234", id="long number"),
        pytest.param(0.1 + 0.2, "General", "0.3", id="general"),
        pytest.param(40513, "dd/mm/yyyy", "2010-12-01", id="date"),
        pytest.param(True, "General", "TRUE", id="logical"),
    ],
)
def test_a_number_reads_as_the_sheet_shows_it(
    tmp_path: Path, value: float, code: str, expected: str
) -> None:
    book = openpyxl.Workbook()
    book.active["B2"] = value
    book.active["B2"].number_format = code
    book.active["A2"] = "North"
    book.save(tmp_path / "book.xlsx")
    assert texts(tmp_path / "book.xlsx") == [f"North | {expected}"]


def test_what_a_workbook_does_not_show_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Totals"
    sheet.append(["North", 120, "secret"])
    sheet.append(["Total", "=SUM(B1:B1)"])
    sheet.append(["hidden"])
    sheet["A1"].comment = Comment("Is this so?", "kim")
    sheet.column_dimensions["C"].hidden = True
    sheet.row_dimensions[3].hidden = True
    book.create_sheet("Old").sheet_state = "hidden"
    book.create_chartsheet("Picture")
    book.save(tmp_path / "book.xlsx")
    document = parse(tmp_path / "book.xlsx")
    assert [block.text for block in document.blocks] == ["North | 120", "Total"]
    assert set(document.flaws) == {
        "sheet Totals: 1 formula without a calculated value (B2): open and save the file in Excel",
        "sheet Old is hidden and is not read",
        "sheet Picture holds no cells and is not read",
        "2 hidden cells of sheet Totals are not read",
        "1 comment of sheet Totals is not read",
    }


def test_a_raised_mark_in_a_cell(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=False)
    book.active["A1"] = CellRichText("1,234", TextBlock(InlineFont(vertAlign="superscript"), "2"))
    book.save(tmp_path / "book.xlsx")
    assert texts(tmp_path / "book.xlsx") == ["1,234^2"]


def test_slides_read_tables_breaks_and_marks(tmp_path: Path) -> None:
    def shape(inside: str, place: str = "") -> str:
        about = f"<p:nvSpPr><p:nvPr>{place}</p:nvPr></p:nvSpPr>"
        return f"<p:sp>{about}<p:txBody><a:p>{inside}</a:p></p:txBody></p:sp>"

    def cell(text: str) -> str:
        return f"<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

    tree = shape("<a:r><a:t>Outlook</a:t></a:r>", '<p:ph type="title"/>')
    tree += shape(
        "<a:r><a:t>120</a:t></a:r><a:br/><a:r><a:t>1,234</a:t></a:r>"
        '<a:r><a:rPr baseline="30000"/><a:t>2</a:t></a:r>'
        '<a:fld type="slidenum"><a:t>7</a:t></a:fld>'
    )
    tree += f"<p:grpSp><p:graphicFrame><a:tbl><a:tr>{cell('A')}{cell('')}{cell('5')}</a:tr></a:tbl>"
    tree += "<c:chart/></p:graphicFrame></p:grpSp><p:pic/>"
    path = slides(tmp_path / "deck.pptx", tree, shape("<a:r><a:t>Backup</a:t></a:r>"), show="0")
    document = parse(path)
    assert [(block.heading, block.page, block.text) for block in document.blocks] == [
        ("Outlook", 1, "Outlook"),
        ("Outlook", 1, "120\n1,234^2"),
        ("Outlook", 1, "A |  | 5"),
    ]
    assert set(document.flaws) == {
        "1 chart is not read (page 1)", "1 picture is not read (page 1)",
        "1 hidden slide is not read (page 2)",
    }  # fmt: skip


def test_a_cell_in_the_last_column_keeps_its_row_short(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1"], book.active["D2"] = "first", "last", 5
    book.save(tmp_path / "wide.xlsx")
    gap = " | ".join([""] * 8)
    assert texts(tmp_path / "wide.xlsx") == [f"first | {gap} | … | last", " |  |  | 5"]
