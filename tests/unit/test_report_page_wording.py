"""Values, facts and periods in words: the laws, and what each language asks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel.numbers import parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from reports.facts.model import Fact, Kind
from reports.language import LanguageError, locale_of
from reports.periods import PeriodError
from reports.wording import (
    GAP,
    format_fact,
    format_moment,
    format_period,
    format_value,
    rounded,
)

LANGUAGES = ["en", "de", "ja", "ar", "fr", "en-GB"]


def bare(text: str) -> str:
    """Without marks of direction, and with a plain minus."""
    return text.translate({0x200E: None, 0x200F: None, 0x2212: "-"})


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "language", "shown"),
    [
        ("1234567.5", "GBP", 0, "en", "£1,234,568"),
        ("1234567.5", "GBP", 0, "de", "1.234.568\u00a0£"),
        ("1234567.5", "GBP", 2, "ja", "£1,234,567.50"),
        ("1234567.5", "GBP", 0, "ar", "1,234,568\u00a0GBP"),
        ("-4.25", "%", 1, "en", "-4.3%"),
        ("-4.25", "%", 1, "de", "-4,3\u00a0%"),
        ("-4.25", "%", 1, "ar", "-4.3%"),
        ("1.2", "pp", 1, "de", "1,2\u00a0Prozentpunkte"),
        ("1.2", "pp", 1, "ja", "1.2ポイント"),
        ("1284", "orders", 0, "en", "1,284\u00a0orders"),
        ("1284", "件", 0, "ja", "1,284件"),
        ("12.34", "kWh", 1, "en", "12.3\u00a0kWh"),
        ("-0.4", "", 0, "en", "0"),
        # Half away from zero, where CLDR's own patterns would give the even neighbour.
        ("2.5", "", 0, "en", "3"),
        ("-2.5", "", 0, "en", "-3"),
    ],
)
def test_a_value_is_written_as_its_language_asks(
    value: str, unit: str, decimals: int, language: str, shown: str
) -> None:
    assert bare(format_value(Decimal(value), unit, decimals, language)) == shown


@given(
    value=st.decimals(-(10**12), 10**12, places=4),
    decimals=st.integers(0, 4),
    language=st.sampled_from(LANGUAGES),
)
def test_a_written_number_reads_back_as_the_rounded_value(
    value: Decimal, decimals: int, language: str
) -> None:
    text = bare(format_value(value, "", decimals, language))
    assert parse_decimal(text, locale=locale_of(language)) == rounded(value, decimals)


@given(
    value=st.decimals(-1000, 1000, places=3),
    unit=st.sampled_from(["GBP", "%", "pp", "orders", ""]),
    language=st.sampled_from(LANGUAGES),
)
def test_a_change_has_a_plus_above_zero_and_else_reads_as_ever(
    value: Decimal, unit: str, language: str
) -> None:
    signed = bare(format_value(value, unit, 1, language, signed=True))
    plain = bare(format_value(value, unit, 1, language))
    assert ("+" in signed) == (rounded(value, 1) > 0)
    assert signed.replace("+", "") == plain


def test_a_sign_stays_before_its_number_where_text_runs_from_right_to_left() -> None:
    assert format_value(Decimal("-4.2"), "%", 1, "ar") == "\u200e-4.2%"


def test_a_fact_brings_unit_and_decimals_and_a_gap_is_a_dash() -> None:
    fact = Fact(
        id="basket", kpi="basket", label="Basket", kind=Kind.VALUE, value=Decimal("247.994"),
        unit="GBP", decimals=2, period="2010-W49",
    )  # fmt: skip
    assert format_fact(fact, "en") == "£247.99"
    assert format_fact(fact.model_copy(update={"value": None}), "en") == GAP


@pytest.mark.parametrize(
    ("key", "language", "words"),
    [
        ("2010-W48", "en", "Nov 29\u2009–\u2009Dec 5, 2010"),
        ("2010-W52", "de", "27. Dez. 2010\u2009–\u20092. Jan. 2011"),
        ("2010-W49", "ja", "2010年12月6日～12日"),  # noqa: RUF001
        ("2010-12", "ja", "2010年12月"),
        # After Japanese: Babel's stand-alone month would be Japanese here.
        ("2010-12", "fr", "décembre 2010"),
        ("2010-12-13", "en", "Dec 13, 2010"),
    ],
)
def test_a_period_is_put_in_words(key: str, language: str, words: str) -> None:
    assert format_period(key, language) == words


def test_what_is_no_period_or_no_language_is_named() -> None:
    with pytest.raises(PeriodError, match="'2010-W60' is not a week"):
        format_period("2010-W60", "en")
    with pytest.raises(LanguageError, match="'xx-1' is unknown"):
        format_value(Decimal(1), "", 0, "xx-1")


@pytest.mark.parametrize(
    ("zone", "language", "shown"),
    [
        ("Europe/London", "en-GB", "6 Jun 2026, 00:30 BST"),
        ("Europe/London", "en", "Jun 6, 2026, 00:30 +0100"),
        ("Asia/Tokyo", "ja", "2026/06/06, 08:30 JST"),
        ("UTC", "de", "05.06.2026, 23:30 UTC"),
        ("", "en-GB", "5 Jun 2026, 23:30 UTC"),
    ],
)
def test_a_moment_is_told_by_the_clock_of_a_zone(zone: str, language: str, shown: str) -> None:
    for written in ("2026-06-05T23:30:12Z", "2026-06-06T08:30:12+09:00", "2026-06-05T23:30:12"):
        assert format_moment(written, zone, language) == shown
    with pytest.raises(ValueError, match="yesterday"):
        format_moment("yesterday", zone, language)
