"""Where finished reports are kept: one folder a report and period."""

from __future__ import annotations

from pathlib import Path

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.settings import Settings
from reports.document import Report

JSON = "report.json"
HTML = "report.html"
PDF = "report.pdf"


class NoSuchReportError(WeirError):
    """There is no report of that name and period."""


class ReportStore:
    """Finished reports under ``settings.reports_root``: ``<name>/<period>/report.{json,html,pdf}``.

    A file is replaced as a whole, so a reader never sees half of one.
    """

    def __init__(self, settings: Settings) -> None:
        self._root = Path(settings.reports_root)

    def path(self, name: str, period: str, file: str) -> Path:
        """Where a file of a report lies, whether it is there or not."""
        return self._root / name / period / file

    def document(self, name: str, period: str) -> Path:
        """What to open: the PDF, or the page of a report that was made without one."""
        pdf = self.path(name, period, PDF)
        return pdf if pdf.is_file() else self.path(name, period, HTML)

    def write(self, name: str, period: str, file: str, content: bytes) -> Path:
        """Write one file as a whole."""
        return write_file(self.path(name, period, file), content)

    def save(self, report: Report) -> Path:
        """Write the document itself."""
        content = report.model_dump_json(indent=1).encode()
        return self.write(report.name, report.period, JSON, content)

    def load(self, name: str, period: str) -> Report:
        """Read a document.

        Raises:
            NoSuchReportError: it has not been made.
        """
        path = self.path(name, period, JSON)
        # Names come from addresses too: nothing outside the root is ever opened.
        if not path.resolve().is_relative_to(self._root.resolve()) or not path.is_file():
            raise NoSuchReportError(
                f"no report {name} of {period}", f"make it: weir report {name} --period {period}"
            )
        return Report.model_validate_json(path.read_bytes())

    def periods(self, name: str) -> list[str]:
        """Periods of a report that are there, oldest first."""
        folder = self._root / name
        if not folder.is_dir():
            return []
        return sorted(path.parent.name for path in folder.glob(f"*/{JSON}"))

    def names(self) -> list[str]:
        """Reports that have at least one period."""
        if not self._root.is_dir():
            return []
        return sorted(folder.name for folder in self._root.iterdir() if self.periods(folder.name))
