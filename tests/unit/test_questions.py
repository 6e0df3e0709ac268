"""Questions to queries, without a server: what is read, what is asked back, what is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.questions.grammar import Grammar
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.questions.query import Query, statement
from reports.questions.reading import Phrases
from reports.questions.sentences import interpretation
from reports.questions.windows import Clock
from reports.questions.words import same
from reports.semantics.load import load_layer

NOW = datetime(2026, 3, 18, 12, 30, tzinfo=UTC)
CLOCK = Clock(NOW, "UTC")
MEMBERS = {
    "country": ["United Kingdom", "Germany", "France", "EIRE", "USA"],
    "site": ["Aachen", "Lyon"],
    "line": ["milling"],
    "language": ["de", "en"],
}
LAYER = load_layer()
GRAMMAR = Grammar(LAYER, Phrases(LAYER), lambda _, dimension: MEMBERS.get(dimension.column, []))


def ask(text: str, context: Query | None = None) -> Query:
    return GRAMMAR.parse(text, CLOCK, context)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("yesterday", "2026-03-17 (UTC)"),
        ("last week", "2026-03-09 to 2026-03-15 (UTC)"),
        ("in the last hour", "2026-03-18 11:00 to 12:00 (UTC)"),
        ("in the last 7 days", "2026-03-11 to 2026-03-17 (UTC)"),
        ("in December", "2025-12-01 to 2025-12-31 (UTC)"),
        ("in March", "2026-03-01 to 2026-03-31 (UTC)"),
        ("between 1 and 7 February", "2026-02-01 to 2026-02-07 (UTC)"),
        ("from 1 Dec to 7 Dec 2025", "2025-12-01 to 2025-12-07 (UTC)"),
        ("since Monday", "2026-03-16 to 2026-03-18 (UTC)"),
        ("3 days ago", "2026-03-15 (UTC)"),
        ("the week before last", "2026-03-02 to 2026-03-08 (UTC)"),
        ("year to date", "2026-01-01 to 2026-03-18 (UTC)"),
        ("in week 10", "2026-03-02 to 2026-03-08 (UTC)"),
        ("in Q4", "2025-10-01 to 2025-12-31 (UTC)"),
        ("vorgestern", "2026-03-16 (UTC)"),
        ("in den letzten drei Monaten", "2025-12-01 to 2026-02-28 (UTC)"),
        ("am 3.2.2026", "2026-02-03 (UTC)"),
        ("vom 1.2. bis 7.2.", "2026-02-01 to 2026-02-07 (UTC)"),
        ("im vierten Quartal 2025", "2025-10-01 to 2025-12-31 (UTC)"),
        ("vor 3 Tagen", "2026-03-15 (UTC)"),
    ],
)
def test_a_period_is_read(text: str, days: str) -> None:
    window = ask(f"revenue {text}").window
    assert window is not None
    assert window.words("en") == days


def test_days_are_those_of_a_zone() -> None:
    summer = Clock(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "Europe/Berlin")
    window = GRAMMAR.parse("revenue yesterday", summer).window
    assert window is not None
    assert window.start == datetime(2026, 6, 30, 22, tzinfo=UTC)
    # The clocks go forward: that Sunday has 23 hours.
    spring = Clock(datetime(2026, 3, 30, 9, tzinfo=UTC), "Europe/Berlin")
    window = GRAMMAR.parse("revenue yesterday", spring).window
    assert window is not None
    assert (window.end - window.start).total_seconds() == 23 * 3600


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("revnue last week", "revnue"),
        ("average revenue last week", "average"),
        ("revenue of new customers last week", "new"),
        ("revenue without returns last week", "returns"),
        ("revenue from Germany to France", "to"),
        ("net sales in Germani last week", "Germani"),
        ("revenue next week", "week"),
        ("revenue on weekends", "weekends"),
        ("cumulative revenue this month", "cumulative"),
        ("which country has the second highest net sales", "second"),
        ("revenue between 9 and 10 o'clock", "9"),
        ("Umsatz der letzten Tage", "Tage"),
        ("Umsatz von Neukunden", "Neukunden"),
        ("delete revenue", "delete"),
        ("May I see revenue", "May"),
        ("net sales in IT last week", "IT"),
        ("revenue per order last week", "order"),
        ("order value last week", "value"),
        ("cart conversion last week", "cart conversion"),
        ("why didn't revenue rise last week", "didn't"),
        ("revenue in GBP last week by product", "GBP"),
        ("inactive users last month", "how many days"),
        ("Which users are not inactive?", "not"),
    ],
)
def test_a_word_that_is_not_understood_refuses_the_question(text: str, word: str) -> None:
    with pytest.raises(NotUnderstoodError) as refused:
        ask(text)
    assert word in refused.value.message


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("What were sales last week?", "Wholesale net sales"),
        ("How many faults were there yesterday?", "Machine faults"),
        ("Why did revenue drop?", "last week"),
        ("revenue on 03/04/2026", "2026-04-03"),
        ("Why did conversion drop yesterday?", "View-to-cart rate"),
        ("yesterday's net sales against the week before", "the period before"),
        ("lowest temperature yesterday", "by machine"),
        ("revenue two weeks ago", "2026-03-04"),
        ("top 3 products by revenue growth last week", "which rose the most"),
        ("top 2 sites by energy per day last week", "by site alone"),
        ("energy of the meters yesterday", "by meter"),
        ("net sales by country with more than 100 orders last week", "Wholesale net sales"),
        ("how did orders change from January to February", "against the period before"),
    ],
)
def test_what_means_two_things_is_asked_back(text: str, choice: str) -> None:
    with pytest.raises(AmbiguousError) as asked:
        ask(text)
    assert choice in asked.value.choices


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("grain", ["hour", "day", "week", "month", "quarter", "year"])
def test_every_grain_has_its_words(grain: str, language: str) -> None:
    query = ask(f"revenue by {grain} last year")
    assert query.grain == grain
    assert interpretation(query, language)
    assert f"date_trunc('{grain}'" in statement(query, CLOCK)


def test_amounts_are_not_counted() -> None:
    with pytest.raises(NotUnderstoodError, match="amount in GBP"):
        ask("How many returns were there last month?")


def test_the_metric_that_can_answer_is_taken() -> None:
    assert ask("revenue").metrics[0].name == "online_revenue"
    assert ask("revenue by country").metrics[0].name == "net_sales"
    assert ask("revenue of product 7").metrics[0].name == "product_revenue"
    with pytest.raises(NotUnderstoodError, match="not known by country"):
        ask("online revenue by country")


def test_a_question_goes_on_from_the_one_before() -> None:
    first = ask("net sales by country last week")
    second = ask("and the week before?", first)
    assert second.other is not None
    assert second.by == ("country",)
    third = ask("only in Germany", second)
    assert third.only == {"country": ("Germany",)}
    other = ask("and returns?", first)
    assert (other.metrics[0].name, other.by, other.window) == ("returns", first.by, first.window)
    with pytest.raises(NotUnderstoodError):
        ask("hello", first)


def test_names_are_quoted_in_sql() -> None:
    members = {"country": ["O'Land"]}
    grammar = Grammar(LAYER, Phrases(LAYER), lambda _, d: members.get(d.column, []))
    query = grammar.parse('net sales in "O\'Land" yesterday', CLOCK)
    assert "('O''Land')" in statement(query, CLOCK)


def test_forms_of_a_word() -> None:
    assert same("country", "countries") == 2
    assert same("kauf", "kaufe") == 2
    assert same("kauf", "kaufer") == 1
    assert same("return", "returning") == 0
    assert same("us", "use") == 0


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(AmbiguousError, NotUnderstoodError):
        query = ask(text)
        assert query.metrics or query.listing


KNOWN = """
revenue net sales by country last week against the before top 5 in Germany not per day why drop
Umsatz nach Land gestern 12 meter readings miss more than 3 and und highest
"""
WORDS = st.sampled_from(KNOWN.split())


@given(st.lists(WORDS, min_size=1, max_size=9))
def test_any_order_of_known_words_is_read_or_refused(words: list[str]) -> None:
    try:
        query = ask(" ".join(words))
    except (AmbiguousError, NotUnderstoodError):
        return
    assert statement(query, CLOCK).count("SELECT")
    # What a member or a bound says is never lost.
    if "Germany" in words:
        assert query.only.get("country") or query.without.get("country")
    if "not" in words:
        assert query.without
