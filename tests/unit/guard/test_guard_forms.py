"""The many ways to write a number, a unit and a period; and each with something wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reports.guard import Context, Derivation, Paragraph, Value, check
from reports.guard.text import sentences

VALUES = (
    Value("a", Decimal(1234), "orders", ("Orders",), period="2019"),
    Value("b", Decimal(4 * 10**9), "USD", ("Revenue",), period="2019"),
    Value("b0", Decimal(2 * 10**9), "USD", ("Revenue",), period="2018"),
    Value("c", Decimal(12), "employees", ("Employees",), period="2019"),
    Value("d", Decimal(-12), "USD", ("Margin",), period="2019"),
    Value("s", Decimal("33.3"), "%", ("Share of revenue",), "Germany", "2019"),
    Value("k", Decimal(512), "kWh", ("Energy",), period="2019"),
    Value("q", Decimal(2500), "GBP", ("Costs",), period="2010-Q3"),
    Value("f", Decimal(77), "GBP", ("Fees",), period="fiscal 2019"),
    Value("w", Decimal(21), "GBP", ("Wages",), period="December 31, 2019"),
    Value("y", Decimal(2010), "orders", ("Returns",), period="2019"),
    Value("t", Decimal("6.5"), "t", ("Harvest", "Ernte"), period="2019"),
)
DERIVED = tuple(Derivation(op, ("b", "b0")) for op in ("growth", "difference", "ratio"))

TRUE = [
    ("Orders were 1 234 in 2019.", "en"),
    ("Orders were 1,234.", "en"),
    ("Revenue was four billion dollars in 2019.", "en"),
    ("Revenue doubled in 2019.", "en"),
    ("Revenue doubled from $2bn to $4bn.", "en"),
    ("There were a dozen employees.", "en"),
    ("Employees: twelve.", "en"),
    ("Margin was (12) dollars.", "en"),
    ("Margin was \u2212$12.", "en"),
    ("Margin was minus 12 dollars.", "en"),
    ("Germany took a third of revenue in 2019.", "en"),
    ("Germany's share of revenue was about a third.", "en"),
    ("Energy use was 512 kWh.", "en"),
    ("Costs were £2,500 in the third quarter of 2010.", "en"),
    ("Costs were £2,500 in Q3 2010.", "en"),
    ("Fees were £77 in fiscal 2019.", "en"),
    ("Fees were £77 in FY19.", "en"),
    ("Wages were £21 at December 31, 2019.", "en"),
    ("Wages were £21 at 31 Dec 2019.", "en"),
    ("Returns came to 2,010 orders.", "en"),
    ("Revenue は 40億ドル。", "ja"),
    ("Orders\uff1a\uff11\uff0c\uff12\uff13\uff14", "ja"),
    ("Orders \u0661\u066c\u0662\u0663\u0664", "ar"),
    ("In 2019 revenue was twice that of 2018.", "en"),
    ("Revenue was $4.0 billion and orders were 1,234 in 2019.", "en"),
    ("Revenue increased by $2 billion, or 100 %, from 2018 to 2019.", "en"),
    ("Revenue ranged from $2 to 4 billion.", "en"),
    ("In 2019 the harvest was 6.5 t. In 2018 revenue was $2 billion.", "en"),
    ("2019 betrug die Ernte 6,50 t. Revenue lag 2018 bei 2 Mrd. $.", "de"),
    ("The harvest was 6.5 t in 2019.", "en"),
]

FALSE = [
    ("Orders were 1 235 in 2019.", "en"),
    ("Revenue was five billion dollars in 2019.", "en"),
    ("Revenue tripled in 2019.", "en"),
    ("Revenue halved in 2019.", "en"),
    ("Revenue doubled in 2018.", "en"),
    ("There were two dozen employees.", "en"),
    ("Employees: thirteen.", "en"),
    ("Margin was $12.", "en"),
    ("Germany took a quarter of revenue in 2019.", "en"),
    ("Germany took half of revenue.", "en"),
    ("Energy use was 512 MWh.", "en"),
    ("Energy use was 512.", "en"),
    ("Costs were £2,500 in the second quarter of 2010.", "en"),
    ("Costs were £2,500 in Q3 2011.", "en"),
    ("Fees were £77 in fiscal 2018.", "en"),
    ("Wages were £21 at December 30, 2019.", "en"),
    ("Returns came to 2,011 orders.", "en"),
    ("Revenue は 41億ドル。", "ja"),
    ("Orders \u0661\u066c\u0662\u0663\u0665", "ar"),
    ("Orders were 1,234 %.", "en"),
    ("Orders were $1,234.", "en"),
    ("Orders were 1,234 customers.", "en"),
    ("Revenue was $4 million in 2019.", "en"),
    ("Revenue was $4.1 billion.", "en"),
    ("Revenue was $4 billion in March 2019.", "en"),
    ("Revenue was $4 billion in week 50.", "en"),
    ("Orders came from 30 countries.", "en"),
    ("Revenue rose 10 bps.", "en"),
    ("The fourth year in a row.", "en"),
    ("Sales quadrupled.", "en"),
    ("Revenue was $-4 billion.", "en"),
    ("Revenue was nearly $4 billion, a tenfold rise.", "en"),
    ("Orders hit an all-time high of 1,234, the highest ever.", "en"),
    ("Revenue: $4 billion in 2019 (2018: $3 billion).", "en"),
    ("In 2018 the harvest was 6.5 t. In 2019 revenue was $4 billion.", "en"),
    ("In 2019 the harvest was 6.5 t. In 2019 revenue was $2 billion.", "en"),
]


def _ok(text: str, language: str) -> bool:
    paragraph = Paragraph(text, tuple(value.id for value in VALUES), DERIVED)
    return check(paragraph, Context(VALUES, ("2019", "2018")), language).ok


@pytest.mark.parametrize(("text", "language"), TRUE)
def test_read_and_accepted(text: str, language: str) -> None:
    assert _ok(text, language)


@pytest.mark.parametrize(("text", "language"), FALSE)
def test_read_and_refused(text: str, language: str) -> None:
    assert not _ok(text, language)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Die Ernte lag bei 6,50 t. Danach fiel sie.", 2),
        ("It was 6.5 t. Sales rose.", 2),
        ("It was 6.5 t. in all.", 1),
        ("Ask J. Smith about it.", 1),
        ("Sales were 5 vs. 6 the year before.", 1),
        ("It cost 5 approx. Sales rose.", 1),
    ],
)
def test_a_dot_after_a_unit_ends_a_sentence_and_after_an_initial_does_not(
    text: str, ends: int
) -> None:
    assert len(sentences(text, [])) == ends
