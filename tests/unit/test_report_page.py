"""The page: what it shows, that all of it is escaped, and what it refuses."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.document import Paragraph, Report, Section, Span
from reports.facts.model import Fact, Kind, Notice
from reports.page import PageError, render
from reports.page.labels import labels
from tests.sample_report import MEMBERS, sample_report

SCRIPT = "<script>alert(1)</script>\"'&"


def url(fact: str) -> str:
    return f"http://127.0.0.1:17709/facts/{quote(fact)}"


def page(report: Report) -> BeautifulSoup:
    return BeautifulSoup(render(report, fact_url=url), "html.parser")


@pytest.fixture(scope="module")
def english() -> BeautifulSoup:
    return page(sample_report("en"))


def test_the_cover_says_what_a_reader_must_know_first(english: BeautifulSoup) -> None:
    text = english.find("main").get_text(" ", strip=True)
    cover = text[: text.index("Contents")]
    for said in (
        "Weekly commerce report", "For the board", "Dec 6 – 12, 2010",
        "Data until Dec 13, 2010", "Written without a model", "No sales arrived",
    ):  # fmt: skip
        assert said in cover


def test_the_cover_says_whose_days_these_are_where_they_are_not_those_of_utc() -> None:
    def cover(zone: str) -> str:
        return page(sample_report("en").model_copy(update={"zone": zone})).header.get_text()

    assert "Days in the time zone Asia/Tokyo" in cover("Asia/Tokyo")
    assert "+0900" in cover("Asia/Tokyo")
    assert "time zone" not in cover("UTC") + cover("")


def test_each_headline_has_value_arrow_and_words(english: BeautifulSoup) -> None:
    rows = [row.get_text(" ", strip=True) for row in english.select(".headline tbody tr")]
    assert len(rows) == 5
    assert rows[0].startswith("Net sales Target £280,000 £318,421 ▲ +6.4%")
    assert rows[0].endswith("up on the week before · favourable")
    assert rows[1].endswith("unchanged on the week before")
    assert rows[2].endswith("▼ -1.3% down on the week before · unfavourable")
    # More returns are worse, though the arrow points up.
    assert rows[3].endswith("▲ +0.4\u00a0pp up on the week before · unfavourable")
    assert rows[4].endswith("up on the week before")
    tones = [link["class"] for link in english.select(".headline .moved a")]
    assert tones == [["good"], ["plain"], ["bad"], ["bad"], ["plain"]]


def test_a_trend_carries_its_sign_as_every_change_does() -> None:
    report = sample_report("en")
    values = {"id": "net_sales.trend", "kind": Kind.TREND, "value": Decimal(312), "source": None}
    trend = report.fact("net_sales").model_copy(update=values)
    shown = page(report.model_copy(update={"facts": (*report.facts, trend)}))
    [link] = [each for each in shown.select("td a") if each["href"] == url("net_sales.trend")]
    assert link.get_text() == "+£312"


def test_every_number_of_the_text_links_to_its_fact(english: BeautifulSoup) -> None:
    linked = {link.get_text(): link["href"] for link in english.select(".summary a.number")}
    assert linked == {
        "£318,421": url("net_sales"),
        "+6.4%": url("net_sales.growth.previous"),
    }
    assert english.select_one("figcaption a.number")["href"] == url("net_sales")


def test_a_number_of_two_facts_links_to_both() -> None:
    text = "Sales an order were 248."
    both = Paragraph(text=text, spans=(Span(start=20, end=23, facts=("net_sales", "orders")),))
    shown = page(sample_report().model_copy(update={"summary": (both,)}))
    assert [link["href"] for link in shown.select(".summary p a")] == [
        url("net_sales"),
        url("orders"),
    ]


def test_every_inner_link_has_a_target_and_no_id_comes_twice() -> None:
    shown = page(sample_report("en", sections=2))
    ids = [each["id"] for each in shown.select("[id]")]
    assert len(ids) == len(set(ids))
    inner = {link["href"][1:] for link in shown.select('a[href^="#"]')}
    assert inner <= set(ids)
    assert "fact-net_sales.country.eire" in inner


def test_the_appendix_holds_every_fact_and_statement() -> None:
    report = sample_report("en")
    shown = page(report)
    facts = shown.select("#facts tbody tr")
    assert [row.select_one("code").get_text() for row in facts] == [
        fact.id for fact in report.facts
    ]
    said = shown.select_one("#statements").get_text()
    names = {one.get_text() for one in shown.select("#statements .gives code")}
    assert names == {fact.id for fact in report.facts if fact.source and not fact.derivation}
    first = next(fact.source for fact in report.facts if fact.source)
    assert first.sql in said
    assert "gold.retail.sales_per_hour @ 4137829465723641" in said
    assert "gold/retail/sales_per_hour" in said
    assert len(shown.select("#statements article")) <= len(names)


def test_without_an_appendix_every_number_still_leads_to_its_fact() -> None:
    report = sample_report("en", sections=2).model_copy(update={"appendix": "links"})
    shown = page(report)
    assert not shown.select("#facts, #statements, pre")
    ids = {each["id"] for each in shown.select("[id]")}
    assert {link["href"][1:] for link in shown.select('a[href^="#"]')} <= ids
    rows = [link["href"] for link in shown.select("section.body table th a")]
    assert rows
    assert set(rows) <= {url(fact.id) for fact in report.facts}
    assert labels("en").linked in shown.get_text()


def test_a_statement_stands_once_with_the_parameters_of_each_fact() -> None:
    report = sample_report("en")
    value = report.fact("net_sales")
    assert value.source

    def at(day: str) -> Fact:
        sql = f"SELECT sum(a) AS value\nFROM (\nselect a\n)\nWHERE day >= DATE '{day}'"
        source = value.source.model_copy(update={"sql": sql}) if value.source else None
        return value.model_copy(update={"id": f"net_sales.at.{day}", "source": source})

    facts = (*report.facts, at("2010-11-01"), at("2010-11-08"))
    shown = page(report.model_copy(update={"facts": facts}))
    given = [one.get_text() for one in shown.select("#statements .gives")]
    wanted = "net_sales.at.2010-11-01 (2010-11-01), net_sales.at.2010-11-08 (2010-11-08)"
    assert wanted in given


def test_a_table_shows_growth_beside_its_figure_and_says_why_there_is_none() -> None:
    rows = page(sample_report("en")).select("section.body table tbody tr")
    assert len(rows) == 1 + len(MEMBERS) + 1
    assert "Net sales · EIRE" in rows[1].get_text()
    assert "-4.0%" in rows[1].get_text()
    assert "No sales arrived" in rows[-1].get_text()


@pytest.mark.parametrize(("language", "way"), [("de", "ltr"), ("ja", "ltr"), ("ar", "rtl")])
def test_a_page_is_in_its_language_and_direction(language: str, way: str) -> None:
    shown = page(sample_report(language))
    assert (shown.html["lang"], shown.html["dir"]) == (language, way)
    text = shown.get_text(" ", strip=True)
    for label in ("written_without_model", "headline", "contents", "facts", "citations"):
        assert getattr(labels(language), label) in text
        assert getattr(labels("en"), label) not in text


def test_a_model_is_named_and_a_held_report_says_so() -> None:
    report = sample_report("en", narrator="some-model").model_copy(
        update={"held": "two numbers are no facts"}
    )
    text = page(report).get_text(" ", strip=True)
    assert "Written by some-model" in text
    assert "Not for delivery two numbers are no facts" in text
    assert "Written without a model" not in text


def test_a_page_is_one_file_without_script(english: BeautifulSoup) -> None:
    assert not english.select("script, link, img, iframe, object, [src], [onload]")
    policy = english.select_one("meta[http-equiv]")["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert "url(" not in english.style.get_text()


def hostile(text: str) -> Report:
    report = sample_report("en")
    fact = Fact(
        id=text, kpi=text, label=text, kind=Kind.VALUE, value=Decimal(1), unit=text,
        period="2010-W49", entity=text, gap=text,
    )  # fmt: skip
    source = report.facts[0].source
    assert source
    fact = fact.model_copy(
        update={"source": source.model_copy(update={"sql": text, "rows_sql": text})}
    )
    return report.model_copy(
        update={
            "title": text, "audience": text, "period_label": text, "narrator": text, "held": text,
            "notices": (Notice(rule=text, message=text),), "facts": (fact,), "headline": (text,),
            "summary": (Paragraph(text=text, spans=(Span(start=0, end=1, facts=(text,)),)),),
            "sections": (Section(id=text, heading=text, table=(text,)),),
        }
    )  # fmt: skip


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
def test_whatever_a_report_says_stays_text(text: str) -> None:
    shown = page(hostile(text))
    assert shown.h1.get_text() == text
    assert shown.select_one("#statements pre").get_text() == text
    assert [each.name for each in shown.head.find_all(recursive=False)].count("style") == 1


def test_markup_in_a_report_is_no_markup() -> None:
    html = render(hostile(f"</style></title>{SCRIPT}"), fact_url=url)
    assert "<script" not in html
    assert html.count("</style>") == 1
    # In the style the title is a CSS string that its quotes cannot end.
    assert "\\00003c\\00002fstyle\\00003e" in html


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4)), max_size=5))
def test_spans_cut_a_text_without_loss_or_are_refused(cuts: list[tuple[int, int]]) -> None:
    text = "abcdefghij klmno pqrs"
    spans = tuple(Span(start=at, end=at + many, facts=("orders",)) for at, many in cuts)
    report = sample_report("en").model_copy(
        update={"sections": (), "summary": (Paragraph(text=text, spans=spans),)}
    )
    used = [place for span in spans for place in range(span.start, span.end)]
    if len(used) != len(set(used)) or any(place >= len(text) for place in used):
        with pytest.raises(PageError, match="overlaps or is out of range"):
            render(report, fact_url=url)
        return
    shown = page(report)
    assert shown.select_one(".summary p").get_text() == text
    assert len(shown.select(".summary a")) == len(spans)


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"headline": ("nothing",)}, "headline: fact 'nothing' does not exist"),
        ({"data_until": "yesterday"}, "data_until 'yesterday' is not a valid ISO 8601 timestamp"),
        ({"passages": ()}, "passage 'handbook-3' is cited but does not exist"),
        ({"sections": (Section(id="s", heading="S", table=("x",)),)}, "table of s: fact 'x'"),
    ],
)
def test_what_is_not_there_is_named(update: dict[str, object], said: str) -> None:
    with pytest.raises(PageError, match="report weekly-commerce of 2010-W49") as caught:
        render(sample_report("en").model_copy(update=update), fact_url=url)
    assert said in str(caught.value)


def test_the_same_report_gives_the_same_page() -> None:
    assert render(sample_report("en"), fact_url=url) == render(sample_report("en"), fact_url=url)
