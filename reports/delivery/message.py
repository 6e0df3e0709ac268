"""What a delivered message says, whatever way it goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from babel.dates import format_date

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.document import Report
from reports.portal.addresses import report_url
from reports.wording import direction, format_fact, locale_of


class NoPdfError(WeirError):
    """The report has no PDF to send."""


@dataclass(frozen=True)
class Words:
    """The fixed words of a message in one language."""

    open_report: str
    attached: str
    data_until: str


_WORDS = {
    "en": Words("Open the report", "The report is attached as a PDF.", "Data until {time}"),
    "de": Words("Bericht öffnen", "Der Bericht ist als PDF beigefügt.", "Daten bis {time}"),
    "fr": Words("Ouvrir le rapport", "Le rapport est joint en PDF.", "Données au {time}"),
    "es": Words("Abrir el informe", "El informe se adjunta en PDF.", "Datos hasta {time}"),
    "ja": Words("レポートを開く", "レポートをPDFで添付しています。", "データ時点: {time}"),
    "ar": Words("افتح التقرير", "التقرير مرفق بصيغة PDF.", "البيانات حتى {time}"),
}


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
        pdf: the document.
        pdf_name: its file name.
        words: the fixed words.
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
        NoPdfError: there is no PDF.
        WeirError: the headline names a fact that the report lacks, or its language is unknown.
    """
    words = _WORDS.get(report.language.split("-")[0], _WORDS["en"])
    return Message(
        title=_line(report.title),
        period=_line(report.period_label),
        data_until=words.data_until.format(time=_time(report.data_until, report.language)),
        language=report.language,
        direction=direction(report.language),
        figures=tuple(_figure(report, fact_id) for fact_id in report.headline),
        summary=tuple(text for part in report.summary if (text := part.text.strip())),
        notices=tuple(notice.message for notice in report.notices),
        link=report_url(settings, report.name, report.period),
        pdf=_read(pdf, report),
        pdf_name=f"{report.name}-{report.period}.pdf",
        words=words,
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


def _time(moment: str, language: str) -> str:
    """A moment in words; what is no moment stays as it is."""
    try:
        at = datetime.fromisoformat(moment).astimezone(UTC)
    except ValueError:
        return moment
    locale = locale_of(language)
    shown = f"{format_date(at, 'medium', locale=locale)}, {at:%H:%M} UTC"
    # Isolated: a script from right to left would turn its parts around.
    return f"\u2068{shown}\u2069"


def _line(text: str) -> str:
    """One line: a line break in a header would start another header."""
    return " ".join(text.split())
