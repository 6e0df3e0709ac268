"""What touches a number, bounds, hedges and bases: true sentences pass, altered ones do not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reports.facts.analysis import member_slugs
from reports.guard import Context, Paragraph, Value, check

NOW = {"period": "2010-W50"}
VALUES = (
    Value("now", Decimal("123456.78"), "GBP", ("Net sales",), **NOW),
    Value("then", Decimal(110000), "GBP", ("Net sales",), period="2010-W49"),
    Value("growth", Decimal("12.2"), "%", ("Net sales",), signed=True, compared_to="2010-W49",
          **NOW),
    Value("orders", Decimal(12), "orders", ("Orders",), **NOW),
    Value("share", Decimal(99), "%", ("Share of web",), **NOW),
    Value("de", Decimal(50), "GBP", ("Net sales",), "Germany", **NOW),
    Value("fr", Decimal(80), "GBP", ("Net sales",), "France", **NOW),
    Value("fees", Decimal(2), "GBP", ("Fees",), **NOW),
    Value("result", Decimal(3000000), "GBP", ("Operating result",), **NOW),
    Value("price", Decimal("12.4"), "INR", ("Average price",), **NOW),
    Value("rupees", Decimal(1234567), "INR", ("Turnover",), **NOW),
    Value("cover", Decimal("2.5"), "x", ("Interest cover",), **NOW),
)  # fmt: skip
TRUE = (
    "Net sales rose 12.2 % on the week before.|Net sales rose 12.2 % week on week.|"
    "Net sales rose 12.2 % over last week.|Net sales rose 12.2 % to £123k.|"
    "The web share was over 90 %.|Net sales exceeded £120,000.|Net sales were nearly £124,000.|"
    "Orders came to 1.2e1.|Orders came to a dozen.|Turnover was ₹12,34,567.|"
    "Turnover was ₹12.35 lakh.|Interest cover was two and a half times.|"
    "The operating result was a profit of £3 million."
)
FALSE = (
    "Net sales rose 12.2 % year on year.|Net sales rose 12.2 % over last year.|"
    "Net sales rose 12.2 % month on month.|Net sales rose 12.2 % on last month.|"
    "Net sales rose 12.2 % y/y.|Net sales were never £123,457.|Net sales collapsed by 12.2 %.|"
    "Net sales crashed.|Germany outsold France.|Nearly 1,000 orders.|Net sales did not rise.|"
    "Fees were nearly £1 million.|Fees were £2½ million.|Orders came to 12².|Orders came to XII.|"
    "Orders came to 12 XII.|Fees were £2 ½.|Net sales rose 12.2‰.|Orders: 12 dozen.|"
    "Fees were 2 grand.|One in five orders was web.|Orders quintupled.|Net sales were unchanged.|"
    "Average price was ₹12.4 crore.|Net sales exceeded £124k.|Net sales were >£124k.|"
    "The operating result was a loss of £3 million.|Fees were TGBP 2.|Fees were k£ 2."
)


def _ok(text: str, language: str = "en") -> bool:
    cites = tuple(value.id for value in VALUES)
    return check(Paragraph(text, cites), Context(VALUES, ("2010-W50", "2010-W49")), language).ok


@pytest.mark.parametrize("text", TRUE.split("|"))
def test_what_is_understood_and_true_passes(text: str) -> None:
    assert _ok(text)


@pytest.mark.parametrize("text", FALSE.split("|"))
def test_what_is_false_or_not_understood_is_refused(text: str) -> None:
    assert not _ok(text)


@pytest.mark.parametrize("language", ["en-GB", "de-CH", "de-AT", "en-IN", "xx", "zh-Hant-TW"])
def test_a_language_with_a_region_is_read(language: str) -> None:
    _ok("Net sales were 123 in May 2010.", language)


def test_a_region_has_its_own_separators() -> None:
    assert _ok("Net sales: 123'456.78 £.", "de-CH")
    assert not _ok("Net sales: 123.456,78 £.", "de-CH")


def test_members_that_differ_in_case_have_ids_of_their_own() -> None:
    slugs = member_slugs(["EIRE", "Eire", "Spain"])
    assert len(set(slugs.values())) == 3
    assert slugs["Spain"] == "spain"
