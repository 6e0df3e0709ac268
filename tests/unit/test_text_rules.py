"""Money, dates, products: what a rule finds, with its value, in several languages."""

from __future__ import annotations

import pytest

from ml.text.dates import dates
from ml.text.money import money
from ml.text.products import Catalogue


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("It cost $1,234.50 or 12 USD, even €3.5 million.", "en",
         [("$1,234.50", "1234.5 USD"), ("12 USD", "12 USD"), ("€3.5 million", "3500000 EUR")]),
        ("Das kostet 1.234,56 Euro und 3 Mio. EUR.", "de",
         [("1.234,56 Euro", "1234.56 EUR"), ("3 Mio. EUR", "3000000 EUR")]),
        ("ціна 5 тыс. рублей и 3 доллара", "ru",
         [("5 тыс. рублей", "5000 RUB"), ("3 доллара", "3 USD")]),
        ("价格是300万美元，5元", "zh", [("300万美元", "3000000 USD"), ("5元", "5 CNY")]),
        ("R$ 20,00 e 3 milhões de reais", "pt",
         [("R$ 20,00", "20 BRL"), ("3 milhões de reais", "3000000 BRL")]),
        ("250 kr", "sv", [("250 kr", "250 SEK")]),
        ("250 kr", "da", [("250 kr", "250 DKK")]),
        ("₹5 लाख, ५०० रुपये", "hi", [("₹5 लाख", "500000 INR"), ("५०० रुपये", "500 INR")]),
        ("2,5 milliards d'euros", "fr", [("2,5 milliards d'euros", "2500000000 EUR")]),
        ("In 2010 there were 5 real friends, 3 metres apart, in 2 rooms", "en", []),
    ],
)  # fmt: skip
def test_sums_of_money_have_a_currency_and_a_value(text, language, found):
    assert [(one.text, one.value) for one in money(text, language)] == found


def test_a_shared_symbol_and_a_single_separator_are_less_sure():
    sure = {one.text: one.confidence for one in money("$5, 5 EUR, 1.234 EUR", "en")}
    assert sure["5 EUR"] > sure["$5"]
    assert sure["5 EUR"] > sure["1.234 EUR"]


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("March 5, 2024 or 5 March; 2024-03-05, May 2020", "en",
         [("2024-03-05", "2024-03-05"), ("5 March", "--03-05"), ("March 5, 2024", "2024-03-05"),
          ("May 2020", "2020-05")]),
        ("Am 5. März 2024 und 3.4.2021", "de",
         [("5. März 2024", "2024-03-05"), ("3.4.2021", "2021-04-03")]),
        ("el 5 de marzo de 2024", "es", [("5 de marzo de 2024", "2024-03-05")]),
        ("2024年3月5日和3月5日", "zh", [("2024年3月5日", "2024-03-05"), ("3月5日", "--03-05")]),
        ("5 मार्च 2024", "hi", [("5 मार्च 2024", "2024-03-05")]),
        # The same word is another month in another language.
        ("3. listopada 2020", "hr", [("3. listopada 2020", "2020-10-03")]),
        ("3 listopada 2020", "pl", [("3 listopada 2020", "2020-11-03")]),
        ("31.02.2020, 99 March, 5 marshmallows", "en", []),
    ],
)  # fmt: skip
def test_dates_have_a_value(text, language, found):
    assert [(one.text, one.value) for one in dates(text, language)] == found


def test_day_and_month_that_cannot_be_told_apart_have_no_value():
    (first,) = dates("05/03/2024", "en")
    assert (first.value, first.confidence < 1) == ("", True)
    assert [one.value for one in dates("05/03/2024", "fr")] == ["2024-03-05"]
    assert [one.value for one in dates("25/12/2024", "en")] == ["2024-12-25"]


def test_products_come_from_a_list_and_from_how_model_names_are_written():
    text = "My iPhone 15 Pro Max, Galaxy S24 and acme  widget or Acme Widget; COVID-19 in room 12"
    found = [(one.text, one.confidence) for one in Catalogue(["Acme Widget", " "]).find(text)]
    assert found == [("Acme Widget", 1.0), ("iPhone 15 Pro Max", 0.6), ("Galaxy S24", 0.6)]
    assert [one.text for one in Catalogue(["X", "X 2"]).find("an x 2 here")] == ["x 2"]
