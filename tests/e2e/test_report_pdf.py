"""A report on paper: tagged, bookmarked, linked, in each language; a printer that survives."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil
import pytest
from pypdf import PdfReader
from pypdf.generic import Destination

from reports.page import render
from reports.page.labels import labels
from reports.pdf import PdfPrinter
from tests.e2e.browser import chromium
from tests.peer import Answer, scripted
from tests.sample_report import sample_report

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium: apt install chromium")

BASE = "http://127.0.0.1:17709/facts/"


@pytest.fixture(scope="module")
def printer() -> Iterator[PdfPrinter]:
    with PdfPrinter() as opened:
        yield opened


@dataclass(frozen=True)
class Printed:
    """A printed report, and the text of each of its pages."""

    html: str
    reader: PdfReader
    pages: list[str]


def printed(printer: PdfPrinter, folder: Path, language: str, sections: int = 1) -> Printed:
    html = render(sample_report(language, sections), fact_url=lambda fact: BASE + fact)
    reader = PdfReader(printer.print(html, folder / "new" / f"{language}-{sections}.pdf"))
    return Printed(html, reader, [page.extract_text() for page in reader.pages])


Report = Callable[..., Printed]


@pytest.fixture(scope="module")
def report(printer: PdfPrinter, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Prints a report in a language, of some sections; each once for all tests that read it."""
    folder = tmp_path_factory.mktemp("printed")

    @lru_cache
    def once(language: str, sections: int = 1) -> Printed:
        return printed(printer, folder, language, sections)

    return once


def normalised(text: str) -> str:
    """Text without spaces: where a line breaks does not matter.

    Chromium names a glyph by its first code point, so a kanji may read back as the radical of
    the same shape; compatibility normalisation makes them one.
    """
    return "".join(unicodedata.normalize("NFKC", text).split())


def links(reader: PdfReader) -> set[str]:
    found = set()
    for page in reader.pages:
        for reference in page.get("/Annots", []):
            action = reference.get_object().get("/A")
            if action and "/URI" in action:
                found.add(str(action["/URI"]))
    return found


def headings(outline: list[object]) -> list[str]:
    titles: list[str] = []
    for each in outline:
        if isinstance(each, Destination):
            titles.append(str(each.title))
        elif isinstance(each, list):
            titles += headings(each)
    return titles


@pytest.mark.parametrize("language", ["en", "de", "ja", "ar"])
def test_a_report_is_tagged_bookmarked_and_linked(report: Report, language: str) -> None:
    sample, reader = sample_report(language), report(language).reader
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == language
    assert sample.title in str(reader.metadata.title)
    # Chromium writes Arabic bookmarks word by word from left to right: all words, in its order.
    titles = [sorted(title.split()) for title in headings(reader.outline)]
    said = labels(language)
    for heading in (sample.title, sample.sections[0].heading, said.citations, said.facts):
        assert titles.count(sorted(heading.split())) == 1
    assert {BASE + fact.id for fact in sample.facts} <= links(reader)
    assert 4 <= len(reader.pages) <= 9


@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_the_text_can_be_read_back_and_every_page_has_its_number(
    report: Report, language: str
) -> None:
    sample, pages = sample_report(language), report(language).pages
    text = normalised("".join(pages))
    for paragraph in (*sample.summary, *sample.sections[0].paragraphs):
        assert normalised(paragraph.text) in text
    for number, page in enumerate(pages, 1):
        assert f"{number} / {len(pages)}" in page


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_contents_give_the_page_on_which_each_section_begins(
    report: Report, language: str
) -> None:
    made = report(language, 3)
    places = re.findall(r'data-page-of="([^"]+)"', made.html)
    assert len(places) >= 5
    named = made.reader.named_destinations
    begins = [
        str(made.reader.get_destination_page_number(named[f"/{place}"]) + 1) for place in places
    ]
    assert len(set(begins)) >= 3
    contents = next(page for page in made.pages if labels(language).contents in page)
    shown = contents.partition(labels(language).contents)[2].split()
    assert [word for word in shown if word in begins][: len(begins)] == begins


def test_a_table_repeats_its_head_on_the_next_page(report: Report) -> None:
    with_facts = [page for page in report("en").pages if "net_sales.country" in page]
    assert len([page for page in with_facts if "Measure" in page]) >= 2


def test_two_prints_have_the_same_text_and_longer_reports_more_pages(
    report: Report, printer: PdfPrinter, tmp_path: Path
) -> None:
    assert printed(printer, tmp_path, "ja").pages == report("ja").pages
    assert len(report("de", 3).pages) > len(report("de").pages)


def test_a_print_reads_nothing_from_any_address(printer: PdfPrinter, tmp_path: Path) -> None:
    with scripted(Answer(404)) as peer:
        html = (
            f"<link rel=stylesheet href={peer.url}/style><img src={peer.url}/image>"
            f"<iframe src={peer.url}/f></iframe><script>fetch('{peer.url}/script')</script>"
            "<p>printed"
        )
        reader = PdfReader(printer.print(html, tmp_path / "x.pdf"))
    assert "printed" in reader.pages[0].extract_text()
    assert peer.requests == []


def test_a_browser_that_died_is_started_again(tmp_path: Path) -> None:
    before = {each.pid for each in _browsers()}
    with PdfPrinter() as own:
        printed(own, tmp_path, "en")
        started = [each for each in _browsers() if each.pid not in before]
        assert started
        for each in started:
            each.kill()
        psutil.wait_procs(started, timeout=30)
        assert len(printed(own, tmp_path, "en").pages) >= 4
    assert {each.pid for each in _browsers()} <= before


def _browsers() -> list[psutil.Process]:
    """Living Chromium processes below this one."""
    return [each for each in psutil.Process().children(recursive=True) if _is_living_browser(each)]


def _is_living_browser(process: psutil.Process) -> bool:
    try:
        return "chrom" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        # Chromium's helpers come and go: this one ended while it was looked at.
        return False
