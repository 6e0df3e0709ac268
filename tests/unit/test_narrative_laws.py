"""Laws of the template over random facts: the guard lets all of it through, nothing is made up."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.core.settings import Settings
from reports.facts.model import Fact, Kind
from reports.narrative.brief import Brief, BriefSection
from reports.narrative.write import Written, write
from reports.periods import Grain, Period
from reports.wording import format_fact, format_period

KPIS = {
    "en": [
        ("Net sales", "GBP"),
        ("Orders", "orders"),
        ("Return rate", "%"),
        ("Energy used", "kWh"),
        ("Top 10 customers", "EUR"),
        ("CO2 emissions", "kg"),
        ("Net loss", "GBP"),
        ("Lost customers", "customers"),
        ("Sales (excl. VAT)", "USD"),
    ],
    "de": [
        ("Nettoumsatz", "EUR"),
        ("Bestellungen", "Bestellungen"),
        ("Retourenquote", "%"),
        ("Verbrauch", "kWh"),
        ("CO2-Ausstoß", "kg"),
        ("Umsatzwachstum", "%"),
    ],
    "ja": [("純売上高", "JPY"), ("注文数", "件"), ("返品率", "%"), ("EBITDA", "GBP")],
    "ar": [
        ("صافي المبيعات", "USD"),
        ("الطلبات", "طلبات"),
        ("معدل الإرجاع", "%"),
        ("EBITDA", "EUR"),
    ],
}
"""Labels with digits, superlatives and directions in them are names all the same."""

MEMBERS = (
    "Germany",
    "France",
    "United Kingdom",
    "EIRE",
    "Bosnia and Herzegovina",
    "Île-de-France",
    "3M",
    "Group 2010",
    "Other",
    "日本",
    "مصر",
)

numbers = st.decimals(
    min_value=-10_000_000, max_value=10_000_000, allow_nan=False, allow_infinity=False, places=3
)


@st.composite
def kpi_facts(
    draw: st.DrawFn, kpi: str, label: str, unit: str, periods: tuple[Period, Period, Period]
) -> list[Fact]:
    """The facts of one KPI by the scheme of ids, true to each other, some of them gaps."""
    now, before, year_before = periods
    decimals = draw(st.integers(0, 2))
    good = draw(st.sampled_from(["up", "down", "none"]))
    rate = unit == "%"
    made: list[Fact] = []

    def add(
        suffix: str,
        kind: Kind,
        value: Decimal | None,
        in_unit: str = unit,
        period: Period = now,
        to: Period | None = None,
        entity: str = "",
        digits: int = decimals,
        among: int = 0,
    ) -> None:
        made.append(
            Fact.model_validate(
                {
                    "id": f"{kpi}{suffix}",
                    "kpi": kpi,
                    "label": label,
                    "kind": kind,
                    "value": value,
                    "unit": in_unit,
                    "decimals": digits,
                    "period": period.key,
                    "compared_to": to.key if to else "",
                    "among": among,
                    "entity": entity,
                    "good": good,
                    "gap": "" if value is not None else "only 3 of 7 days",
                }
            )
        )

    value = draw(st.none() | numbers)
    add("", Kind.VALUE, value)
    changed = Decimal(0)
    for name, period in (("previous", before), ("year_before", year_before)):
        if not draw(st.booleans()):
            continue
        base = draw(st.none() | numbers | st.just(value))
        add(f".{name}", Kind.VALUE, base, period=period)
        known = value is not None and base is not None
        difference = value - base if value is not None and base is not None else None
        growth = difference / abs(base) * 100 if base and difference is not None else None
        add(f".growth.{name}", Kind.GROWTH, growth, "%", to=period, digits=1)
        add(f".difference.{name}", Kind.DIFFERENCE, difference, "pp" if rate else unit, to=period)
        if name == "previous" and known and difference is not None:
            changed = difference
    target = draw(st.none() | numbers)
    if target is not None:
        add(".target", Kind.TARGET, target)
        if value is not None and target:
            add(".share_of_target", Kind.SHARE, value / target * 100, "%", digits=1)
    if draw(st.booleans()):
        add(".trend", Kind.TREND, draw(numbers))
    if draw(st.booleans()) and value is not None:
        among = draw(st.integers(4, 56))
        first = now.shift(1 - among - draw(st.integers(0, 2)))
        place = Decimal(draw(st.integers(1, among)))
        add(".rank", Kind.RANK, place, "", digits=0, to=first, among=among)
    for index, entity in enumerate(draw(st.lists(st.sampled_from(MEMBERS), unique=True))):
        member = f".country.m{index}"
        amount = draw(st.none() | numbers)
        add(member, Kind.VALUE, amount, entity=entity)
        if value and amount is not None and not rate:
            add(f"{member}.share", Kind.SHARE, amount / value * 100, "%", entity=entity, digits=1)
        if changed:
            # One that is new contributes all of its value.
            new = bool(amount and amount > 0) and draw(st.booleans())
            contribution = amount if new else draw(numbers)
            add(f"{member}.contribution", Kind.CONTRIBUTION, contribution, to=before, entity=entity)
    return made


@st.composite
def briefs(draw: st.DrawFn) -> Brief:
    language = draw(st.sampled_from([*sorted(KPIS), "en-GB", "de-CH"]))
    day = date(2010, 1, 1) + timedelta(days=draw(st.integers(0, 6_000)))
    period = Period.of(day, draw(st.sampled_from(list(Grain))))
    periods = (period, period.shift(-1), period.year_before())
    named = KPIS[language.split("-")[0]]
    chosen = draw(st.lists(st.sampled_from(named), min_size=1, max_size=3, unique=True))
    facts: list[Fact] = []
    names = []
    for index, (label, unit) in enumerate(chosen):
        names.append(f"k{index}")
        facts += draw(kpi_facts(names[-1], label, unit, periods))
    if draw(st.booleans()):
        names.append("top_10_without_facts")
    return Brief(
        name="weekly",
        title="Weekly",
        audience="board",
        language=language,
        tone="plain",
        period=period,
        compared=periods[1:],
        sections=(BriefSection("one", "One", tuple(names)),),
        facts=tuple(facts),
        series={name: tuple(f"{name}.past.{past}" for past in range(12)) for name in names},
    )


def figures(text: str, brief: Brief) -> list[re.Match[str]]:
    """Numbers of a text, those in names left out."""
    names = {one for fact in brief.facts for one in (fact.label, fact.entity)} - {""}
    for name in ("top 10 without facts", *sorted(names, key=len, reverse=True)):
        text = text.replace(name, "_" * len(name))
    return list(re.finditer(r"\d[\d.,]*", text))


def paragraphs(written: Written) -> list[str]:
    return [one.text for one in (*written.summary, *written.sections["one"])]


@given(briefs())
@settings(max_examples=100)
def test_the_guard_never_refuses_the_template(brief: Brief) -> None:
    written = write(brief, Settings())
    assert [(one.sentence, one.number, one.rule, one.message) for one in written.refusals] == []
    assert written.notices == ()


@given(briefs())
@settings(max_examples=50)
def test_every_figure_of_the_text_is_a_fact_as_it_is_written(brief: Brief) -> None:
    known = {format_fact(fact, brief.language).strip("-") for fact in brief.facts}
    known |= {format_fact(fact, brief.language, signed=True) for fact in brief.facts}
    known |= {format_period(one.key, brief.language) for one in brief.compared}
    known |= {str(fact.among) for fact in brief.facts if fact.among}
    # A change is shown without its sign, which may stand inside the text of an amount.
    digits = {part for text in known for part in re.findall(r"\d[\d.,]*", text)}
    shown = {
        part[0].rstrip(".,")
        for text in paragraphs(write(brief, Settings()))
        for part in figures(text, brief)
    }
    assert shown <= {part.rstrip(".,") for part in digits}


@given(briefs())
@settings(max_examples=50)
def test_every_number_is_a_link_to_a_fact_of_its_paragraph(brief: Brief) -> None:
    written = write(brief, Settings())
    facts = {fact.id for fact in brief.facts}
    for paragraph in (*written.summary, *written.sections["one"]):
        linked = {index for span in paragraph.spans for index in range(span.start, span.end)}
        assert {match.start() for match in figures(paragraph.text, brief)} <= linked
        assert {fact for span in paragraph.spans for fact in span.facts} <= facts
