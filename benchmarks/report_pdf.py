"""How long a warm Chromium takes to print a report of twenty pages.

Wall time of handing the finished HTML to the browser until the PDF is on disk. One unmeasured
print comes first: starting the browser is not part of the figure, and is given beside it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from pypdf import PdfReader

from benchmarks.figures import Figure, Options, middle
from reports.page import render
from reports.pdf import PdfPrinter
from tests.sample_report import sample_report

PAGES = 20
GOAL = 5.0
SECTIONS = 12
"""Of the sample, about a page and a half each with three charts and a table."""


def run(options: Options) -> list[Figure]:
    """``report_pdf``."""
    report = sample_report("en", sections=options.sized(SECTIONS))
    started = time.perf_counter()
    html = render(report, fact_url=lambda fact: f"http://127.0.0.1/facts/{fact}")
    rendering = time.perf_counter() - started
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.pdf"
        started = time.perf_counter()
        with PdfPrinter() as printer:
            start = time.perf_counter() - started
            for number in range(options.repeats + 1):
                started = time.perf_counter()
                printer.print(html, path)
                if number:
                    seconds.append(time.perf_counter() - started)
                    options.say(f"report_pdf: {seconds[-1]:.2f} s")
        pages = len(PdfReader(path).pages)
        size = path.stat().st_size
    value = middle(seconds)
    return [
        Figure(
            "report_pdf",
            value,
            "s",
            goal=f"{PAGES} pages in under {GOAL:g} s, browser warm",
            met=value < GOAL if pages >= PAGES else None,
            extra={
                "runs": len(seconds),
                "pages": pages,
                "seconds": [round(each, 2) for each in seconds],
                "browser_start_seconds": round(start, 2),
                "html_seconds": round(rendering, 3),
                "pdf_kib": round(size / 1024),
            },
        )
    ]
