"""Sentences that must pass, and the same with one thing wrong, each with the rule it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from reports.guard import Context, Derivation, Paragraph, Value, Verdict, check

MILLION = Decimal(10**6)


def _value(name: str, number: str, period: str, **more: object) -> Value:
    return Value(name, Decimal(number), period=period, **more)  # type: ignore[arg-type]


VALUES = (
    _value("a19", "1496.5", "2019", unit="USD", names=("Total sales",), scale=MILLION),
    _value("a18", "1202.9", "2018", unit="USD", names=("Total sales",), scale=MILLION),
    _value("o19", "44.1", "2019", unit="USD", names=("Other",), scale=MILLION),
    _value("o18", "56.7", "2018", unit="USD", names=("Other",), scale=MILLION),
    _value("m19", "12.4", "2019", unit="%", names=("Margin", "Marge")),
    _value("m18", "15.9", "2018", unit="%", names=("Margin", "Marge")),
    _value("l19", "-31.5", "2019", unit="USD", names=("Net (loss) income",), scale=MILLION),
    _value("l18", "155.6", "2018", unit="USD", names=("Net (loss) income",), scale=MILLION),
    _value("ns", "123456.78", "2010-W50", unit="GBP", names=("Net sales", "Nettoumsatz")),
    _value("np", "100000.78", "2010-W49", unit="GBP", names=("Net sales", "Nettoumsatz")),
    _value("de", "23456", "2010-W50", unit="GBP", names=("Net sales", "Nettoumsatz"),
           entity="Germany"),
    _value("fr", "34567", "2010-W50", unit="GBP", names=("Net sales", "Nettoumsatz"),
           entity="France"),
    _value("dg", "-3.2", "2010-W50", unit="%", names=("Net sales",), entity="Germany",
           signed=True, compared_to="2010-W49"),
    _value("rk", "2", "2010-W50", names=("Net sales",), entity="Germany", rank_of=38),
    _value("or", "1234", "2010-W50", unit="orders", names=("orders", "Bestellungen")),
    _value("cu", "987", "2010-W50", unit="customers", names=("customers",)),
)  # fmt: skip
CONTEXT = Context(VALUES, ("2010-W50", "2010-W49"))
GROWTH = (Derivation("growth", ("a19", "a18")),)
WEEKLY = (Derivation("growth", ("ns", "np")),)
POINTS = (Derivation("difference", ("m19", "m18")),)
SHARE = (Derivation("share", ("o19", "a19")),)


def _check(text: str, derivations: Sequence[Derivation] = (), language: str = "en") -> Verdict:
    cites = tuple(value.id for value in VALUES)
    return check(Paragraph(text, cites, tuple(derivations)), CONTEXT, language)


TRUE: list[tuple[str, tuple[Derivation, ...], str]] = [
    ("Total sales were $1,496.5 million in 2019.", (), "en"),
    ("In 2019, total sales came to $1.5bn.", (), "en"),
    ("Total sales were $1.5 billion in 2019, up from $1.2 billion in 2018.", (), "en"),
    ("Total sales rose from $1,202.9 million in 2018 to $1,496.5 million in 2019.", (), "en"),
    ("Other and Total sales in 2019 were $44.1 million and $1,496.5 million, respectively.",
     (), "en"),
    ("From 2018 to 2019, Total sales rose by 24.4 %.", GROWTH, "en"),
    ("Total sales in 2019 were 24.4 percent higher than in 2018.", GROWTH, "en"),
    ("Margin fell 3.5 percentage points between 2018 and 2019.", POINTS, "en"),
    ("Margin fell 350 basis points between 2018 and 2019.", POINTS, "en"),
    ("Other accounted for 2.9 % of Total sales in 2019.", SHARE, "en"),
    ("Net income was $(31.5) million in 2019.", (), "en"),
    ("The net loss of 2019 was $31.5 million.", (), "en"),
    ("Net sales were £123,457 in week 50 of 2010, from 1,234 orders.", (), "en"),
    ("Net sales were £123k, up from £100k the week before.", (), "en"),
    ("Net sales in Germany fell 3.2 % on the week before.", (), "en"),
    ("Germany sold £23,456 and France £34,567 of net sales.", (), "en"),
    ("By net sales Germany ranked second.", (), "en"),
    ("France had the highest net sales, £34,567.", (), "en"),
    ("Net sales were more than £123,000.", (), "en"),
    ("Der Nettoumsatz betrug in KW 50/2010 123.456,78 £.", (), "de"),
    ("Der Nettoumsatz stieg von 100.001 £ auf 123.457 £, ein Plus von 23,5 %.", WEEKLY, "de"),
    ("Die Marge lag 2019 bei 12,4 Prozent.", (), "de"),
]  # fmt: skip

FALSE: list[tuple[str, tuple[Derivation, ...], str, str]] = [
    ("Total sales were $1,497.5 million in 2019.", (), "en", "rounding"),
    ("Total sales were $1,496.5 billion in 2019.", (), "en", "no_such_fact"),
    ("Total sales were €1,496.5 million in 2019.", (), "en", "unit"),
    ("Total sales were $1,496.5 million in 2018.", (), "en", "period"),
    ("Other was $1,496.5 million in 2019.", (), "en", "name"),
    ("Total sales were $1.2 billion in 2019, up from $1.5 billion in 2018.", (), "en", "period"),
    ("Total sales were $1.5 billion in 2019, down from $1.2 billion in 2018.", (), "en",
     "direction"),
    ("From 2018 to 2019, Total sales fell by 24.4 %.", GROWTH, "en", "direction"),
    ("From 2019 to 2018, Total sales rose by 24.4 %.", GROWTH, "en", "period"),
    ("Margin fell 3.5 % between 2018 and 2019.", POINTS, "en", "unit"),
    ("Margin rose 3.5 percentage points between 2018 and 2019.", POINTS, "en", "direction"),
    ("Total sales accounted for 2.9 % of Other in 2019.", SHARE, "en", "name"),
    ("Net income was $31.5 million in 2019.", (), "en", "direction"),
    ("Net sales were £123,457, from 987 orders.", (), "en", "unit"),
    ("Net sales in France fell 3.2 % on the week before.", (), "en", "entity"),
    ("Germany sold £34,567 and France £23,456 of net sales.", (), "en", "entity"),
    ("By net sales Germany ranked third.", (), "en", "rank"),
    ("Germany had the highest net sales, £23,456.", (), "en", "rank"),
    ("Net sales were less than £123,000.", (), "en", "direction"),
    ("Net sales doubled.", WEEKLY, "en", "no_such_fact"),
    ("Net sales were £1.234,5.", (), "en", "ambiguous"),
    ("There were millions of orders.", (), "en", "ambiguous"),
    ("Orders reached twelve hundred thousand.", (), "en", "no_such_fact"),
    ("Net sales were £123,457 in week 51.", (), "en", "period"),
    ("Der Nettoumsatz betrug in KW 50/2010 123.456,78 €.", (), "de", "unit"),
    ("Der Nettoumsatz sank um 23,5 % gegenüber der Vorwoche.", WEEKLY, "de", "direction"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "derivations", "language"), TRUE)
def test_a_true_sentence_passes(
    text: str, derivations: tuple[Derivation, ...], language: str
) -> None:
    verdict = _check(text, derivations, language)
    assert verdict.refusals == ()
    assert verdict.links


@pytest.mark.parametrize(("text", "derivations", "language", "rule"), FALSE)
def test_a_false_sentence_is_refused_by_its_rule(
    text: str, derivations: tuple[Derivation, ...], language: str, rule: str
) -> None:
    verdict = _check(text, derivations, language)
    assert rule in {refusal.rule for refusal in verdict.refusals}
    for refusal in verdict.refusals:
        assert refusal.sentence == text
        assert refusal.number in text
        assert refusal.message


def test_links_say_where_and_what() -> None:
    text = "Total sales were $1.5 billion in 2019, up from $1.2 billion in 2018."
    links = _check(text).links
    assert [(text[link.start : link.end], link.ids) for link in links] == [
        ("$1.5 billion", ("a19",)),
        ("$1.2 billion", ("a18",)),
    ]


def test_an_unknown_citation_and_a_division_by_zero_are_refused() -> None:
    zero = Value("zero", Decimal(0), names=("Nothing",))
    context = Context((zero,))
    verdict = check(Paragraph("", ("gone",), (Derivation("ratio", ("zero", "zero")),)), context)
    assert [refusal.rule for refusal in verdict.refusals] == ["no_such_fact", "derivation"]


def _shop(member: str) -> Context:
    week = {"period": "2010-W50", "unit": "GBP"}
    change = {"period": "2010-W50", "unit": "%", "signed": True, "compared_to": "2010-W49"}
    names = {"names": ("Sales",)}
    return Context(
        (
            Value("whole", Decimal(900), **week, **names),
            Value("whole.growth", Decimal(-10), **change, **names),
            Value("part", Decimal(90), **week, **names, entity=member),
            Value("part.growth", Decimal(5), **change, **names, entity=member),
        ),
        ("2010-W50", "2010-W49"),
    )


@pytest.mark.parametrize(
    ("member", "text", "true"),
    [
        ("Rose", "Sales of Rose were £90.", True),
        ("Rose", "Sales of Rose rose by 5 %.", True),
        ("Rose", "Sales of Rose fell by 5 %.", False),
        ("Rose", "Sales fell by 10 % to £900.", True),
        ("Rose", "Sales rose.", False),
        ("Rose", "Sales rose on the week before.", False),
        ("Rose", "Rose sales.", False),
        ("rose", "Sales rose.", False),
        ("rose", "Sales rose on the week before.", False),
        ("Rose Garden Mug", "Sales of Rose Garden Mug rose by 5 %.", True),
        ("Top", "Sales of Top were £90.", True),
    ],
)
def test_a_member_named_like_a_direction_hides_no_claim(member: str, text: str, true: bool) -> None:
    context = _shop(member)
    cites = tuple(value.id for value in context.values)
    verdict = check(Paragraph(text, cites, ()), context, "en")
    assert verdict.ok == true, verdict.refusals


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Zum Anstieg bei Nettoumsatz trugen vor allem bei: France.", True),
        ("Zum Rückgang bei Nettoumsatz trugen vor allem bei: Germany.", True),
        ("Zum Rückgang bei Nettoumsatz trugen vor allem bei: France.", False),
        ("Zum Anstieg bei Nettoumsatz trugen vor allem bei: Germany.", False),
    ],
)
def test_a_direction_is_that_of_who_is_named_whoever_else_is_cited(text: str, passes: bool) -> None:
    about: dict[str, object] = {
        "unit": "GBP", "names": ("Nettoumsatz",), "signed": True, "compared_to": "2010-W49",
    }  # fmt: skip
    context = Context(
        (
            _value("fr", "500", "2010-W50", entity="France", **about),
            _value("de", "-500", "2010-W50", entity="Germany", **about),
        ),
        ("2010-W50", "2010-W49"),
    )
    verdict = check(Paragraph(text, ("fr", "de")), context, "de")
    assert verdict.ok is passes, verdict.refusals
