"""Failures of the printer: each is named, with what to do, and leaves no browser behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from platform_assets.core.settings import REPOSITORY
from reports import pdf
from reports.pdf import PdfError, PdfPrinter


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
