"""Laws: what babel writes is found and accepted; with one digit changed it is refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from babel.numbers import (
    format_compact_currency,
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reports.guard import Context, Derivation, Paragraph, Value, check

LANGUAGES = st.sampled_from(("en", "de", "ja", "ar"))
AMOUNTS = st.decimals(min_value=1, max_value=10**12, places=2)
SIGNED = st.tuples(AMOUNTS, st.sampled_from((1, -1))).map(lambda pair: pair[0] * pair[1])
PATTERNS = ("#,##0", "#,##0.0", "#,##0.00")


def _accepted(text: str, value: Value, language: str) -> bool:
    verdict = check(Paragraph(text, (value.id,)), Context((value,)), language)
    return verdict.ok and len(verdict.links) == 1


def _sentence(number: str) -> str:
    return f"Net sales = {number}"


def _changed(number: str, place: int, digit: int) -> str | None:
    """The text with one digit replaced, leading zeros left alone; None if it stays the same."""
    places = [index for index, character in enumerate(number) if character.isdecimal()]
    index = places[place % len(places)]
    if int(number[index]) == digit or (digit == 0 and index == places[0]):
        return None
    return number[:index] + str(digit) + number[index + 1 :]


def _law(
    value: Value, write: Callable[[], str], language: str, place: int, digit: int, tie: bool
) -> None:
    number = write()
    assert _accepted(_sentence(number), value, language), number
    wrong = _changed(number, place, digit)
    assume(wrong is not None and not tie)
    assert wrong is not None
    assert not _accepted(_sentence(wrong), value, language), wrong


def _tie(value: Decimal, places: int) -> bool:
    return (abs(value) * 10**places * 2) % 2 == 1


@settings(max_examples=300)
@given(SIGNED, LANGUAGES, st.sampled_from(PATTERNS), st.integers(0, 30), st.integers(0, 9))
def test_plain_numbers(
    amount: Decimal, language: str, pattern: str, place: int, digit: int
) -> None:
    places = len(pattern.partition(".")[2])
    value = Value("v", amount, names=("Net sales",))
    _law(
        value,
        lambda: format_decimal(amount, pattern, locale=language),
        language, place, digit, _tie(amount, places),
    )  # fmt: skip


@settings(max_examples=300)
@given(
    SIGNED, LANGUAGES, st.sampled_from(("GBP", "USD", "EUR", "JPY", "CHF")), st.integers(0, 30),
    st.integers(0, 9),
)  # fmt: skip
def test_currencies(amount: Decimal, language: str, currency: str, place: int, digit: int) -> None:
    value = Value("v", amount, currency, ("Net sales",))
    _law(
        value,
        lambda: format_currency(amount, currency, locale=language),
        language, place, digit, _tie(amount, 0 if currency == "JPY" else 2),
    )  # fmt: skip


@settings(max_examples=300)
@given(SIGNED, LANGUAGES, st.integers(0, 2), st.integers(0, 30), st.integers(0, 9))
def test_percentages(amount: Decimal, language: str, places: int, place: int, digit: int) -> None:
    pattern = "#,##0." + "0" * places + "%" if places else "#,##0%"
    value = Value("v", amount, "%", ("Net sales",))
    _law(
        value,
        lambda: format_percent(amount / 100, pattern, locale=language),
        language, place, digit, _tie(amount, places),
    )  # fmt: skip


@settings(max_examples=300)
@given(
    st.integers(10**4, 10**12), LANGUAGES, st.sampled_from(("short", "long")), st.integers(0, 3),
    st.booleans(),
)  # fmt: skip
def test_scaled_numbers_are_accepted(
    amount: int, language: str, width: str, places: int, money: bool
) -> None:
    if money:
        number = format_compact_currency(
            amount, "GBP", format_type="short", locale=language, fraction_digits=places
        )
    else:
        number = format_compact_decimal(
            amount,
            # CLDR has no long form for Japanese.
            format_type="short" if language == "ja" else width,  # type: ignore[arg-type]
            locale=language,
            fraction_digits=places,
        )
    value = Value("v", Decimal(amount), "GBP" if money else "", ("Net sales",))
    assert _accepted(_sentence(number), value, language), number


@settings(max_examples=200)
@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_stated_growth_is_that_of_its_values(now: int, then: int) -> None:
    values = (
        Value("now", Decimal(now), "GBP", ("Net sales",), period="2019"),
        Value("then", Decimal(then), "GBP", ("Net sales",), period="2018"),
    )
    growth = (Decimal(now) - then) / then * 100
    assume(abs(growth) >= Decimal("0.1"))
    derived = (Derivation("growth", ("now", "then")),)

    def ok(verb: str, number: Decimal) -> bool:
        text = f"Net sales {verb} {number:,.1f} % from 2018 to 2019."
        return check(Paragraph(text, ("now", "then"), derived), Context(values)).ok

    right, wrong = ("rose", "fell") if growth > 0 else ("fell", "rose")
    assert ok(right, abs(growth))
    assert not ok(wrong, abs(growth))
    assert not ok(right, abs(growth) + Decimal("0.2"))
