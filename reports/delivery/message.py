"""What a delivered message says, whatever way it goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.document import Report
from reports.guard.language import primary
from reports.language import direction
from reports.portal.addresses import report_url
from reports.store import HTML
from reports.wording import format_fact, format_moment


class NoPdfError(WeirError):
    """The report has no PDF to send, and does not say why."""


@dataclass(frozen=True)
class Words:
    """The fixed words of a message in one language."""

    open_report: str
    attached: str
    data_until: str
    page_attached: str = ""


_WORDS = {
    "en": Words(
        "Open the report", "The report is attached as a PDF.", "Data until {time}",
        "The report is attached as a page for your browser.",
    ),
    "de": Words(
        "Bericht öffnen", "Der Bericht ist als PDF beigefügt.", "Daten bis {time}",
        "Der Bericht ist als Seite für den Browser beigefügt.",
    ),
    "fr": Words(
        "Ouvrir le rapport", "Le rapport est joint en PDF.", "Données au {time}",
        "Le rapport est joint sous forme de page pour le navigateur.",
    ),
    "es": Words(
        "Abrir el informe", "El informe se adjunta en PDF.", "Datos hasta {time}",
        "El informe se adjunta como página para el navegador.",
    ),
    "ja": Words(
        "レポートを開く", "レポートをPDFで添付しています。", "データ時点: {time}",
        "レポートをブラウザー用のページとして添付しています。",
    ),
    "ar": Words(
        "افتح التقرير", "التقرير مرفق بصيغة PDF.", "البيانات حتى {time}",
        "التقرير مرفق كصفحة للمتصفح.",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One headline figure as shown.

    Attributes:
        label: what it measures.
        value: the number with its unit.
    """

    label: str
    value: str


@dataclass(frozen=True)
class Message:
    """The parts of a message, all plain text.

    Attributes:
        title: one line.
        period: the period in words.
        data_until: the newest data, in words of the language.
        language: BCP 47.
        direction: of the script.
        figures: the headline.
        summary: paragraphs.
        notices: what a reader must know first.
        link: the report in the portal; empty where there is no portal.
        pdf: the document; the page where it has no PDF.
        pdf_name: its file name.
        words: the fixed words.
        is_page: whether the document is the page.
    """

    title: str
    period: str
    data_until: str
    language: str
    direction: Literal["ltr", "rtl"]
    figures: tuple[Figure, ...]
    summary: tuple[str, ...]
    notices: tuple[str, ...]
    link: str
    pdf: bytes
    pdf_name: str
    words: Words
    is_page: bool = False

    @property
    def attached(self) -> str:
        """What is attached, in a sentence."""
        return self.words.page_attached if self.is_page else self.words.attached

    @property
    def subject(self) -> str:
        """Title and period in one line."""
        return f"{self.title}: {self.period}"


def compose(report: Report, pdf: Path, settings: Settings) -> Message:
    """The message of a report.

    Args:
        report: the finished document.
        pdf: where its PDF lies.
        settings: where the portal is.

    Raises:
        NoPdfError: there is no PDF, and the report does not say why.
        WeirError: the headline names a fact that the report lacks, or its language is unknown.
    """
    words = _WORDS.get(primary(report.language), _WORDS["en"])
    # The page goes out only where the report says why: a PDF that got lost is an error.
    is_page = any(notice.rule == "pdf" for notice in report.notices)
    return Message(
        title=_line(report.title),
        period=_line(report.period_label),
        data_until=words.data_until.format(time=_data_until(report)),
        language=report.language,
        direction=direction(report.language),
        figures=tuple(_figure(report, fact_id) for fact_id in report.headline),
        summary=tuple(text for part in report.summary if (text := part.text.strip())),
        notices=tuple(notice.message for notice in report.notices),
        link=report_url(settings, report.name, report.period),
        pdf=_read(pdf.with_name(HTML) if is_page else pdf, report),
        pdf_name=f"{report.name}-{report.period}.{'html' if is_page else 'pdf'}",
        words=words,
        is_page=is_page,
    )


def message_id_of(report: str, period: str, recipient: str, sending: int, sender: str) -> str:
    """The Message-ID of one sending: deterministic, so that servers and clients can drop a double.

    Args:
        report: its name.
        period: its key.
        recipient: as the definition writes it.
        sending: 1 for the first, one more each time that sending again was asked for.
        sender: the From address; gives the domain.
    """
    parts = "\n".join((report, period, recipient, str(sending)))
    digest = hashlib.sha256(parts.encode()).hexdigest()[:40]
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<weir.{digest}@{domain}>"


def _figure(report: Report, fact_id: str) -> Figure:
    try:
        fact = report.fact(fact_id)
    except KeyError:
        raise WeirError(
            f"report {report.name} of {report.period}: headline names fact {fact_id!r}, "
            "which the report lacks",
            f"make it again: weir report {report.name} --period {report.period}",
        ) from None
    value = format_fact(fact, report.language, signed=fact.kind.signed)
    return Figure(_line(fact.label), value)


def _read(pdf: Path, report: Report) -> bytes:
    try:
        return pdf.read_bytes()
    except OSError as error:
        raise NoPdfError(
            f"report {report.name} of {report.period} has no PDF ({pdf}: {error.strerror})",
            f"make it: weir report {report.name} --period {report.period}",
        ) from None


def _data_until(report: Report) -> str:
    """The newest commit in words, by the report's clock; what is no moment stays as it is."""
    try:
        shown = format_moment(report.data_until, report.zone, report.language)
    except ValueError:
        return report.data_until
    # Isolated: a script from right to left would turn its parts around.
    return f"\u2068{shown}\u2069"


def _line(text: str) -> str:
    """One line: a line break in a header would start another header."""
    return " ".join(text.split())
