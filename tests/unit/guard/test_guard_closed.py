"""The closed vocabulary: what is not understood refuses its sentence, in every language."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from reports.guard import Context, Derivation, Paragraph, Value, check

WEEK = {"period": "2010-W50"}
CHANGE = {"period": "2010-W50", "compared_to": "2010-W49", "signed": True}
SALES = ("Net sales", "Nettoumsatz")
VALUES = (
    Value("now", Decimal("123456.78"), "GBP", SALES, **WEEK),
    Value("then", Decimal(110000), "GBP", SALES, period="2010-W49"),
    Value("growth", Decimal("12.2"), "%", SALES, good=1, **CHANGE),
    Value("de", Decimal(50000), "GBP", SALES, "Germany", group="country", **WEEK),
    Value("fr", Decimal(73456), "GBP", SALES, "France", group="country", **WEEK),
    Value("mug", Decimal(90000), "GBP", SALES, "Mug", group="product", **WEEK),
    Value("de.growth", Decimal("-3.2"), "%", SALES, "Germany", **CHANGE),
    Value("fr.growth", Decimal("4.5"), "%", SALES, "France", **CHANGE),
    Value("goal", Decimal(130000), "GBP", SALES, target=True, good=1, **WEEK),
    Value("orders", Decimal(1234), "orders", ("Orders", "Bestellungen"), **WEEK),
    Value("orders.growth", Decimal("5.5"), "%", ("Orders", "Bestellungen"), period="2010-W50",
          compared_to="2009-W50", signed=True),
    Value("result", Decimal(-5000), "GBP", ("Operating result", "Betriebsergebnis"), **WEEK),
    Value("rate", Decimal("12.5"), "%", ("Return rate", "Retourenquote"), **WEEK),
    Value("level", Decimal("0.04"), "%", ("Visits",), **CHANGE),
    Value("rank", Decimal(2), "", ("Return rate",), rank_of=8, **WEEK),
)  # fmt: skip
CONTEXT = Context(VALUES, ("2010-W50", "2010-W49", "2009-W50"))


def _ok(text: str, language: str = "en") -> bool:
    return check(Paragraph(text, tuple(v.id for v in VALUES)), CONTEXT, language).ok


TRUE = {
    "en": "At £123,457, net sales stood 12.2 % higher than in the previous week.|"
    "Net sales grew 12.2 % week on week to £123,457.|"
    "Net sales in France came to £73,456, whereas Germany reached £50,000.|"
    "Net sales in France were higher than in Germany.|Net sales rose.|"
    "France sold more than Germany in net sales.|We recorded 1,234 orders this week.|"
    "Orders were 5.5 % higher than in the same week of last year.|"
    "The operating result was a loss of £5,000.|One in eight is the return rate.|"
    "France leads in net sales with £73,456.|Net sales improved on the week before.|"
    "Net sales came to £123,457. The target of £130,000 was missed.|"
    "Visits were level with the week before.|"
    "The return rate ranked second.|Net sales were £123,457 from 13 to 19 December 2010.|"
    "Net sales were £123,000 or more.",
    "de": "Der Nettoumsatz betrug 123.457 £.|Der Nettoumsatz lag um 12,2 % über dem der Vorwoche.|"
    "Der Nettoumsatz nahm gegenüber der Vorwoche um 12,2 % auf 123.457 £ zu.|"
    "Die Retourenquote lag bei 12,5 Prozent.|Der Nettoumsatz nahm zu.|"
    "Das Betriebsergebnis war ein Verlust von 5.000 £.",
    "ja": "「Net sales」は £123,457。|「Net sales」は £123,457（前週比 +12.2%）。",
    "ar": "Net sales: £123,457.",
}
FALSE = {
    "en": "Net sales cratered 12.2 %.|Net sales rose 12.2 % from a year earlier.|"
    "Net sales rose 12.2 % versus LY.|Net sales rose 12.2 % since January.|"
    "Net sales rose 12.2 % on the year.|Net sales rose year on year.|"
    "Orders rose 5.5 % week on week.|Germany beat France in net sales.|"
    "Germany sold more than France in net sales.|Germany leads in net sales with £50,000.|"
    "Net sales in Germany and France rose.|Net sales in Germany and France came to £73,456.|"
    "Net sales in Germany were higher than in France.|There were 1,234 orders per customer.|"
    "There were 1,234 orders a day.|Another 1,234 orders came in.|Over 500 orders came in.|"
    "There were 1,234 fewer orders.|There were hardly 1,234 orders.|Net sales remained £123,457.|"
    "Net sales were stable at £123,457.|Online net sales were £123,457.|It collapsed.|"
    "Net sales in Spain were £123,457.|Net sales were £123,457 last week.|Demand evaporated.|"
    "Most net sales came from Germany.|Two fifths of net sales came from Germany.|"
    "Net sales should reach £123,457.|Net sales almost reached £124,000.|Net sales are down.|"
    "Net sales were £123,457 ↑.|The average net sales were £123,457.|"
    "Net sales this year were £123,457.|Net sales rose again, by 12.2 %.|"
    "Net sales rose sharply by 12.2 %.|Net sales rose for the second week.|"
    "Net sales were £123,457 from 6 to 12 December 2010.|Germany came after France.|"
    "Orders exceeded expectations at 1,234.|Net sales were £123,457 excluding VAT.|"
    "Net sales were £124,000 or more.|"
    "The target of £130,000 was met.|Net sales came to £130,000.|"
    "Net sales got worse than the week before.|Net sales were level with the week before.|"
    "The operating result was a profit of £5,000.|The operating result was £5,000.",
    "de": "Der Nettoumsatz brach um 12,2 % ein.|"
    "Der Nettoumsatz stieg binnen Jahresfrist um 12,2 %.|"
    "Der Nettoumsatz stieg gegenüber dem Vormonat um 12,2 %.|Der Nettoumsatz nahm ab.|"
    "Der Nettoumsatz betrug 123.457 £ je Tag.|Der Nettoumsatz betrug im Jahr 123.457 £.|"
    "Der Nettoumsatz betrug nie 123.457 £.|Der Nettoumsatz halbierte sich.|"
    "Der Nettoumsatz in Germany war höher als in France.|Germany überholte France.|"
    "Jede dritte Bestellung kam aus Germany.|Ein Fünftel der Bestellungen kam aus Germany.|"
    "Germany lag vor France.|Das Betriebsergebnis war ein Gewinn von 5.000 £.|"
    "Es gab 1.234 mehr Bestellungen.|"
    "Der Nettoumsatz wird 123.457 £ betragen.|Der Nettoumsatz stieg erneut um 12,2 %.",
    "ja": "「Net sales」は £123,457（前年比 +12.2%）。|「Net sales」は急落。|「Net sales」は半減。",
    "ar": "Net sales: £123,457 يوميا.|Net sales: انهيار 12.2%.",
    "fr": "Net sales ont chuté à £123,457.",
}


@pytest.mark.parametrize(
    ("language", "text"), [(k, t) for k, v in TRUE.items() for t in v.split("|")]
)
def test_what_the_facts_bear_out_passes(language: str, text: str) -> None:
    assert _ok(text, language)


@pytest.mark.parametrize(
    ("language", "text"), [(k, t) for k, v in FALSE.items() for t in v.split("|")]
)
def test_what_they_do_not_is_refused(language: str, text: str) -> None:
    assert not _ok(text, language)


def test_a_text_without_facts_is_free() -> None:
    assert check(Paragraph("A storm closed the harbour.", ()), CONTEXT).ok


COLUMNS = (
    Value("a", Decimal(150), "USD", ("Receivables",), period="As reported"),
    Value("b", Decimal(120), "USD", ("Receivables",), period="Adjusted"),
    Value("c", Decimal(90), "USD", ("Receivables",), period="Prior year"),
    Value("gain", Decimal(-7), "USD", ("Unrealized gains (losses)",), period="As reported"),
    Value("both", Decimal(-8), "USD", ("Fair value gains and losses, net",), period="Adjusted"),
    Value("s", Decimal(80), "USD", ("Share of profit",), period="As reported"),
)
GROWTH = (Derivation("growth", ("a", "b")),)


@pytest.mark.parametrize(
    ("text", "derivations", "true"),
    [
        ("Receivables increased 25 % from Adjusted to As reported.", GROWTH, True),
        ("Receivables increased 25 % from As reported to Adjusted.", GROWTH, False),
        ("In As reported, Receivables was 25 % higher than in Adjusted.", GROWTH, True),
        ("In Adjusted, Receivables was 25 % higher than in As reported.", GROWTH, False),
        ("Receivables was $90 in Prior year.", (), True),
        ("Receivables was $90 in Adjusted.", (), False),
        ("Unrealized gains (losses) was -$7 in As reported.", (), True),
        ("Unrealized gains (losses) was $7 in As reported.", (), False),
        ("Fair value gains and losses, net was $8 in Adjusted.", (), False),
        ("On average, Receivables came to $135 in As reported and Adjusted.",
         (Derivation("mean", ("a", "b")),), True),
        ("On average, Receivables came to $135 in As reported and Prior year.",
         (Derivation("mean", ("a", "b")),), False),
        ("The change in Receivables was $150 in As reported.", (), False),
    ],
)  # fmt: skip
def test_columns_without_a_year_and_names_with_both_signs(
    text: str, derivations: tuple[Derivation, ...], true: bool
) -> None:
    cites = tuple(value.id for value in COLUMNS)
    verdict = check(Paragraph(text, cites, derivations), Context(COLUMNS))
    assert verdict.ok == true, verdict.refusals


def test_a_leader_is_compared_within_its_dimension() -> None:
    alone = tuple(replace(value, group="") for value in VALUES)
    cites = tuple(value.id for value in alone)
    text = "France leads in net sales with £73,456."
    assert not check(Paragraph(text, cites), Context(alone, CONTEXT.known)).ok
