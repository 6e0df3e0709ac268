"""HTML, Markdown, mail, PDF and their encodings: what a reader sees is what is read."""

# Marks that look alike are what some of these tests are about.
# ruff: noqa: E501, RUF001
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.knowledge.chunks import entries
from reports.knowledge.lexical import WordIndex
from reports.knowledge.model import Block, Document
from reports.knowledge.parsing.charsets import decode
from reports.knowledge.parsing.choose import parse
from reports.knowledge.text import clean, normal
from tests.handmade_files import pdf


def page(tmp_path: Path, html: str) -> Document:
    path = tmp_path / "page.html"
    path.write_text(html)
    return parse(path)


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("<p>net&nbsp;sales of £5&nbsp;million</p>", ["net sales of £5 million"], id="nbsp"),
        pytest.param("<p>1,234<sup>2</sup> and 10<sup>6</sup></p>", ["1,234^2 and 10^6"], id="sup"),
        pytest.param("<p>10<sup>6</sup>5</p>", ["10^(6)5"], id="sup before a digit"),
        pytest.param("<p>120<br>340</p>", ["120\n340"], id="br"),
        pytest.param("<p>Net\n  trade <b>do</b>ubled</p>", ["Net trade doubled"], id="wrapped source"),
        pytest.param("<p>a margin of <del>15</del><ins>12</ins> %</p>", ["a margin of 12 %"], id="del"),
        pytest.param(
            "<table><tr><td>North<br>South<td>120<br>340<tr><td>East<td><td>5</table>",
            ["North South | 120 / 340", "East |  | 5"],
            id="cells without end tags",
        ),
        pytest.param(
            "<table><tr><td><p>A</p></td><td><b>1</b>2</td></tr></table>", ["A | 12"], id="cells"
        ),
        pytest.param(
            "<table><tr><td>Outer<table><tr><td>in</td><td>1</td></tr></table></td></tr></table>",
            ["Outer", "in | 1"],
            id="nested table",
        ),
        pytest.param("<math><msup><mn>10</mn><mn>6</mn></msup></math>", ["10^6"], id="mathml"),
        pytest.param('<span style="display:block">120</span><span>340</span>', ["120", "340"], id="span"),
    ],
)  # fmt: skip
def test_html_as_it_is_shown(tmp_path: Path, html: str, expected: list[str]) -> None:
    assert texts(page(tmp_path, html)) == expected


def test_layout_tables_are_read_once_under_their_heading(tmp_path: Path) -> None:
    table = '<table role="presentation"><tr><td>'
    end = "</td></tr></table>"
    document = page(
        tmp_path,
        f"{table}{table}<h1>Weekly letter</h1>{end}{table}<p>Net sales rose.</p>{end}{end}",
    )
    assert [(block.heading, block.text) for block in document.blocks] == [
        ("Weekly letter", "Net sales rose.")
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display: none">9</p>',
        '<p style="DISPLAY:NONE !important">9</p>',
        "<p hidden>9</p>",
        '<p style="visibility:hidden">9</p>',
        '<p style="font-size:0">9</p>',
        '<p style="opacity:0">9</p>',
        '<p style="mso-hide:all">9</p>',
        '<div style="max-height:0;overflow:hidden"><p>9</p></div>',
        '<p style="position:absolute;left:-9999px">9</p>',
        "<style>.pre, #x {display:none}</style><p class='pre'>9</p><p id=x>9</p>",
        "<style>@media screen {p.pre {visibility: hidden}}</style><p class='pre'>9</p>",
        "<dialog>9</dialog><template>9</template><script>9</script><!-- 9 -->",
    ],
)
def test_hidden_html_is_not_quoted(tmp_path: Path, hidden: str) -> None:
    document = page(tmp_path, f"<body>{hidden}<div>Seen</div></body>")
    assert texts(document) == ["Seen"]
    assert all("hidden text" in flaw for flaw in document.flaws)


@pytest.mark.parametrize(
    "shown",
    [
        '<div style="font-size:0"><p style="font-size:14px">Seen</p></div>',
        '<div style="visibility:hidden"><p style="visibility:visible">Seen</p></div>',
        "<style>.a{display:none} .a{display:block}</style><p class=a>Seen</p>",
        "<style>@media print {p{display:none}}</style><p>Seen</p>",
        '<style>.a{display:none}</style><p class=a style="display:block">Seen</p>',
    ],
)
def test_what_is_shown_again_is_read(tmp_path: Path, shown: str) -> None:
    assert texts(page(tmp_path, shown)) == ["Seen"]


def test_html_without_end_nests_without_end(tmp_path: Path) -> None:
    assert texts(page(tmp_path, "<div>" * 50_000 + "deep")) == ["deep"]


def test_pictures_and_frames_are_named(tmp_path: Path) -> None:
    document = page(
        tmp_path, "<p>x</p><img src=a><img src=b width=1 height=1><svg></svg><iframe></iframe>"
    )
    assert document.flaws == ("2 pictures are not read", "1 embedded page is not read")


def test_markdown_breaks_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    path.write_text(
        "# Sales\n\n| Region | Orders |\n|---|---|\n| North<br>South | 120<br>340 |\n\n"
        "10<sup>6</sup> pieces, ~~15~~ 12 %\n"
    )
    document = parse(path)
    assert texts(document) == [
        "Region | Orders", "North South | 120 / 340", "10^6 pieces, 12 %",
    ]  # fmt: skip
    assert document.flaws == ("1 passage of struck-out text is not read",)


HEAD = b"From: Kim <kim@weir.example>\r\nSubject: Fees\r\nMIME-Version: 1.0\r\n"


def mail(tmp_path: Path, rest: bytes) -> Document:
    path = tmp_path / "mail.eml"
    path.write_bytes(HEAD + rest)
    return parse(path)


@pytest.mark.parametrize(
    ("charset", "content", "expected"),
    [
        pytest.param("uft-8", b"Returns were 3 percent.", "Returns were 3 percent.", id="misspelt"),
        pytest.param("x-unknown", "für €5".encode(), "für €5", id="unknown, UTF-8"),
        pytest.param("x-unknown", "für €5 im März".encode("cp1252"), "für €5 im März", id="unknown"),
        pytest.param("cp-850", "für März".encode("cp850"), "für März", id="cp-850"),
        pytest.param("iso-8859-1", b"\x801,200, the board\x92s view", "€1,200, the board’s view", id="1252"),
        pytest.param("us-ascii", "für".encode(), "für", id="ascii that is UTF-8"),
        pytest.param("iso-8859-1", "für".encode(), "für", id="latin that is UTF-8"),
        pytest.param("utf-8", "für März".encode("cp1252"), "für März", id="UTF-8 that is 1252"),
        pytest.param("iso-2022-jp", "売上".encode("iso-2022-jp"), "売上", id="seven bits"),
        pytest.param("gb2312", "销售额增长".encode("gb18030"), "销售额增长", id="gb2312"),
        pytest.param("windows-1251", "Продажи выросли".encode("cp1251"), "Продажи выросли", id="cyrillic"),
    ],
)  # fmt: skip
def test_a_charset_that_is_unknown_or_wrong(
    tmp_path: Path, charset: str, content: bytes, expected: str
) -> None:
    about = f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode()
    assert texts(mail(tmp_path, about + content))[-1].strip() == expected


def test_an_unknown_charset_that_had_to_be_guessed_is_named(tmp_path: Path) -> None:
    about = b'Content-Type: text/plain; charset="x-unknown"\r\n\r\n'
    assert mail(tmp_path, about + "für März".encode("cp1252")).flaws == (
        "its encoding is named 'x-unknown' and was read as cp1252",
    )


def part(kind: str, content: str, more: str = "") -> bytes:
    return f"--b\r\nContent-Type: {kind}; charset=utf-8\r\n{more}\r\n{content}\r\n".encode()


def multi(kind: str, *parts: bytes) -> bytes:
    return (
        f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n".encode() + b"".join(parts) + b"--b--"
    )


@pytest.mark.parametrize("plain", ["", "  \r\n\r\n", "\u00a0", "View this in a browser."])
def test_a_blank_plain_part_does_not_hide_the_html(tmp_path: Path, plain: str) -> None:
    html = part("text/html", "<p>Returns were 3 percent of all orders in the last week.</p>")
    document = mail(tmp_path, multi("alternative", part("text/plain", plain), html))
    assert texts(document)[1:] == ["Returns were 3 percent of all orders in the last week."]


def test_text_after_a_picture_and_a_forwarded_mail_are_read(tmp_path: Path) -> None:
    inner = "Subject: Before\r\nFrom: lee@weir.example\r\n\r\nForwarded 7 orders"
    document = mail(
        tmp_path,
        multi(
            "mixed",
            part("text/plain", "First half"),
            part("image/png", "iVBORw0KGgo=", "Content-Disposition: inline; filename=p.png\r\n"),
            part("text/plain", "Second half: 340 orders"),
            part("text/html", "<p>Third</p>"),
            b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner.encode() + b"\r\n",
            part("text/csv", "a,b", "Content-Disposition: attachment; filename=a.csv\r\n"),
        ),
    )
    assert [(block.heading, block.text.strip()) for block in document.blocks[1:]] == [
        ("Fees", "First half"),
        ("Fees", "Second half: 340 orders"),
        ("Fees", "Third"),
        ("Fees > Before", "From: lee@weir.example"),
        ("Fees > Before", "Forwarded 7 orders"),
    ]
    assert document.flaws == ("attachment a.csv is not read", "1 picture is not read")


def test_headers_in_any_charset(tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    for subject in (b"=?x-unknown?Q?M=C3=A4rz?=", "März".encode(), b"=?iso-8859-1?Q?M=E4rz?="):
        path.write_bytes(b"Subject: " + subject + b"\r\n\r\nText")
        assert parse(path).title == "März"


def test_flowed_lines_are_one_sentence(tmp_path: Path) -> None:
    about = b"Content-Type: text/plain; format=flowed\r\n\r\n"
    assert texts(mail(tmp_path, about + b"net sales \r\nof 5 million\r\nnext"))[-1].split("\n") == [
        "net sales of 5 million", "next",
    ]  # fmt: skip


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
def test_utf8_is_read_whatever_is_declared(text: str) -> None:
    assert decode(text.encode(), "utf-8")[0] == text


@given(st.binary(), st.sampled_from(["", "utf-8", "latin-1", "x-none", "rot13", "hex", "cp932"]))
def test_any_bytes_give_a_text(content: bytes, declared: str) -> None:
    assert isinstance(decode(content, declared)[0], str)


@given(st.text())
def test_the_normal_form_is_stable_and_parts_words(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert clean(clean(text)) == clean(text)


def test_the_normal_form_keeps_superscripts_and_fractions() -> None:
    assert normal("1² ½ ① ﬁ １２ a\u2003b\u2028c \u202fd") == "1² ½ ① fi 12 a b\nc  d"


def test_a_ligature_is_found_and_quoted_in_plain_letters(tmp_path: Path) -> None:
    font = "/Encoding << /Type /Encoding /BaseEncoding /WinAnsiEncoding /Differences [1 /fi /fl] >>"
    path = pdf(tmp_path / "page.pdf", "BT /F1 12 Tf 72 700 Td (The pro\x01t was 120.) Tj ET", font)
    assert texts(parse(path)) == ["The profit was 120."]


@pytest.mark.parametrize("shift", [37, -20, 100_000])
def test_a_pdf_with_a_broken_table_of_contents_is_read(tmp_path: Path, shift: int) -> None:
    path = pdf(tmp_path / "page.pdf", "BT /F1 12 Tf 72 700 Td (A margin of 12.) Tj ET", shift=shift)
    assert texts(parse(path)) == ["A margin of 12."]


def test_a_pdf_that_pypdf_cannot_open_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reports.knowledge.parsing import pdf as module

    whole = module.PdfReader

    def opens(source: object) -> object:
        if isinstance(source, Path):
            raise OSError("broken")
        return whole(source)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "PdfReader", opens)
    document = parse(pdf(tmp_path / "a.pdf", "BT /F1 12 Tf 72 700 Td (Twelve.) Tj ET"))
    assert texts(document) == ["Twelve."]
    assert document.flaws == ("the file is damaged and was repaired before it was read",)


def test_a_word_broken_at_the_end_of_a_line_is_found() -> None:
    document = Document("Plan", [Block("Our gross mar-\ngin and year-\non-year growth")])
    index = WordIndex(entries("plan.pdf", document, "file:1"))
    assert [found.text for found, _ in index.search("margin", 1)] == [
        "Our gross mar-\ngin and year-\non-year growth"
    ]
    assert index.search("year", 1)


def test_an_invitation_beside_the_text_is_named(tmp_path: Path) -> None:
    document = mail(
        tmp_path,
        multi("alternative", part("text/plain", "Come."), part("text/calendar", "BEGIN:VCALENDAR")),
    )
    assert document.flaws == ("attachment text/calendar is not read",)
