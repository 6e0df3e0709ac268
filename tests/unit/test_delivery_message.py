"""What a message says; and a report that other delivery tests send."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.delivery.message import Message, NoPdfError, compose, message_id_of
from reports.document import Paragraph, Report
from reports.facts.model import Fact, Kind, Notice
from reports.store import PDF, ReportStore

PDF_BYTES = b"%PDF-1.7\n" + bytes(range(256)) * 4 + b"\n%%EOF\n"
MESSAGE_ID = "<weir.0123456789abcdef@example.com>"


def fact(fact_id: str, value: str | None, unit: str = "GBP", **changes: Any) -> Fact:
    return Fact(
        id=fact_id,
        kpi="net_sales",
        label=changes.pop("label", "Net sales"),
        kind=changes.pop("kind", Kind.VALUE),
        value=None if value is None else Decimal(value),
        unit=unit,
        period="2010-W50",
        **changes,
    )


def report(**changes: Any) -> Report:
    """A report with three figures, one of them a gap."""
    facts = (
        fact("net_sales", "123456.40"),
        fact("net_sales.growth.previous", "4.2", "%", kind=Kind.GROWTH, decimals=1, label="Growth"),
        fact("returns", None, "orders", label="Returns", gap="no data on 2010-12-14"),
    )
    return Report(
        **{
            "name": "weekly-commerce",
            "title": "Weekly commerce",
            "audience": "board",
            "language": "en",
            "period": "2010-W50",
            "period_label": "13 \u2013 19 Dec 2010",
            "data_until": "2010-12-20T02:00:00Z",
            "narrator": "template",
            "headline": tuple(each.id for each in facts),
            "summary": (Paragraph(text="Sales grew <b>& more</b>."), Paragraph(text="Next.")),
            "facts": facts,
            "notices": (Notice(rule="gap", message="Returns have a gap."),),
            **changes,
        }
    )


def settings_of(home: Path, **changes: Any) -> Settings:
    return Settings(
        **{
            "home": home,
            "portal_url": "https://weir.example.com/",
            "mail_from": "Weir <weir@example.com>",
            "request_timeout_seconds": 5,
            **changes,
        }
    )


def stored(settings: Settings, document: Report) -> Path:
    """The report's PDF, put where its page would put it."""
    return ReportStore(settings).write(document.name, document.period, PDF, PDF_BYTES)


def message(home: Path, document: Report | None = None, **changes: Any) -> Message:
    settings, made = settings_of(home, **changes), document or report()
    return compose(made, stored(settings, made), settings)


def test_figures_are_written_in_the_report_s_language(tmp_path: Path) -> None:
    shown = {figure.label: figure.value for figure in message(tmp_path).figures}
    assert shown == {"Net sales": "£123,456", "Growth": "+4.2%", "Returns": "—"}
    german = {f.label: f.value for f in message(tmp_path, report(language="de")).figures}
    assert german["Net sales"] == "123.456\u00a0£"
    assert german["Growth"] == "+4,2\u00a0%"


def test_words_and_direction_follow_the_language(tmp_path: Path) -> None:
    assert message(tmp_path, report(language="ar")).direction == "rtl"
    assert message(tmp_path, report(language="ja")).words.open_report == "レポートを開く"
    swiss = message(tmp_path, report(language="de-CH"))
    assert (swiss.direction, swiss.words.open_report) == ("ltr", "Bericht öffnen")
    assert message(tmp_path, report(language="nl")).words.open_report == "Open the report"


def test_the_newest_data_is_told_as_a_time(tmp_path: Path) -> None:
    assert message(tmp_path).data_until == "Data until \u2068Dec 20, 2010, 02:00 UTC\u2069"
    zoned = message(tmp_path, report(zone="Asia/Tokyo")).data_until
    assert zoned == "Data until \u2068Dec 20, 2010, 11:00 +0900\u2069"
    shifted = report(data_until="2010-12-20T03:00:00+01:00", language="de")
    assert message(tmp_path, shifted).data_until.startswith("Daten bis \u206820.12.2010, 02:00")
    assert message(tmp_path, report(data_until="unknown")).data_until == "Data until unknown"


def test_the_link_leads_to_the_portal_and_nowhere_else(tmp_path: Path) -> None:
    assert message(tmp_path).link == "https://weir.example.com/reports/weekly-commerce/2010-W50"
    odd = report(name="a b", period="2010-W50?x#y")
    assert message(tmp_path, odd).link.endswith("/reports/a%20b/2010-W50%3Fx%23y")


def test_what_stands_in_a_line_stays_in_it(tmp_path: Path) -> None:
    made = message(tmp_path, report(title="Weekly\r\nBcc: all@example.com"))
    assert made.subject == "Weekly Bcc: all@example.com: 13 \u2013 19 Dec 2010"


def test_a_report_without_its_pdf_says_how_to_make_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(NoPdfError, match="weir report weekly-commerce --period 2010-W50"):
        compose(report(), tmp_path / "none.pdf", settings)


def test_a_headline_without_its_fact_names_it(tmp_path: Path) -> None:
    with pytest.raises(WeirError, match="headline names fact 'profit'"):
        message(tmp_path, report(headline=("profit",)))


words = st.text(min_size=1, max_size=20)


@given(st.tuples(words, words, words, st.integers(1, 9)), st.tuples(words, words, words))
def test_a_message_id_is_the_same_for_the_same_and_differs_for_another(
    one: tuple[str, str, str, int], other: tuple[str, str, str]
) -> None:
    report_name, period, recipient, sending = one
    made = message_id_of(report_name, period, recipient, sending, "Weir <weir@example.com>")
    assert made == message_id_of(report_name, period, recipient, sending, "x@example.com")
    assert made.endswith("@example.com>")
    assert made != message_id_of(report_name, period, recipient, sending + 1, "x@example.com")
    if other != (report_name, period, recipient) and "\n" not in "".join((*one[:3], *other)):
        assert made != message_id_of(*other, sending, "x@example.com")
