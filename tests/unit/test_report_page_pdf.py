"""Failures of the printer: each is named, with what to do, and leaves no browser behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from platform_assets.core.settings import REPOSITORY, Settings
from reports import pdf
from reports.assets.report import check_document
from reports.definition import load_definitions
from reports.delivery.mail import mail_of
from reports.delivery.message import compose
from reports.delivery.slack import slack_of
from reports.make import Maker
from reports.pdf import NoBrowserError, PdfError, PdfPrinter
from reports.periods import Grain, Period
from reports.store import HTML, PDF
from tests.sample_report import sample_report


def drivers() -> set[int]:
    return {each.pid for each in psutil.Process().children(recursive=True)}


def test_without_chromium_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "NAMES", ("no-such-browser",))
    with pytest.raises(PdfError, match="apt install chromium"), PdfPrinter():
        pass


def test_a_browser_that_does_not_start_is_tried_a_few_times(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    browser = tmp_path / "chromium"
    browser.write_text(f"#!/bin/sh\necho once >> {tries}\nexit 1\n")
    browser.chmod(0o755)
    before = drivers()
    with (
        pytest.raises(PdfError, match="Chromium failed 3 times") as caught,
        PdfPrinter(executable=str(browser)),
    ):
        pass
    assert str(browser) in caught.value.hint
    assert len(tries.read_text().split()) == pdf.ATTEMPTS
    assert drivers() <= before


def test_a_browser_that_hangs_is_given_up(tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\nexec sleep 600\n")
    browser.chmod(0o755)
    before = drivers()
    with (
        pytest.raises(PdfError, match="3 times"),
        PdfPrinter(executable=str(browser), timeout_seconds=0.5),
    ):
        pass
    assert drivers() <= before


def test_a_driver_that_does_not_start_is_as_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho libatomic.so.1: no such file >&2\nexit 127\n")
    node.chmod(0o755)
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", str(node))
    before = drivers()
    with pytest.raises(NoBrowserError, match="driver does not start") as caught, PdfPrinter():
        pass
    assert "libatomic1" in caught.value.hint
    assert drivers() <= before


def test_a_printer_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(PdfError, match="not open"):
        PdfPrinter().print("<p>", tmp_path / "x.pdf")


def test_importing_the_rooms_imports_no_heavy_library() -> None:
    code = (
        "import sys, reports.charts, reports.page, reports.pdf\n"
        "print(sorted({'altair', 'vl_convert', 'playwright', 'pandas'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True,
        timeout=120,
    ).stdout  # fmt: skip
    assert said.strip() == "[]"


def test_without_a_browser_a_report_is_its_page_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "NAMES", ("no-such-browser",))
    settings = Settings(home=tmp_path, reports_root=str(tmp_path / "reports"))
    definition, period = load_definitions()["weekly-commerce"], Period.parse("2010-W49", Grain.WEEK)
    maker = Maker(definition, period, settings)
    made = sample_report("en").model_copy(update={"name": definition.name, "period": period.key})
    maker.store.save(made)
    maker.store.write(definition.name, period.key, HTML, b"<p>an earlier page</p>")
    stale = maker.store.write(definition.name, period.key, PDF, b"%PDF-1.7 of other numbers")

    assert maker.pdf() is None

    assert not stale.exists()
    opened = maker.store.document(definition.name, period.key)
    report = maker.store.load(definition.name, period.key)
    (notice,) = (one.message for one in report.notices if one.rule == "pdf")
    assert (
        "apt install chromium libatomic1, then weir report weekly-commerce --period 2010-W49"
        in notice
    )
    assert opened.name == HTML
    assert "There is no PDF" in opened.read_text()
    assert "Net sales" in opened.read_text()
    assert not any("PDF" in line for lines in check_document(report).values() for line in lines)
    message = compose(report, stale, settings)
    assert (message.is_page, message.pdf_name) == (True, "weekly-commerce-2010-W49.html")
    assert message.pdf == opened.read_bytes()
    mail = mail_of(message, "weir@example.com", "board@example.com", "<1@example.com>")
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "text/html"
    assert message.attached in mail.get_body(("plain",)).get_content()
    assert slack_of(message, "<1@example.com>").file.what == "the page"
