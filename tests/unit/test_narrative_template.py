"""The template narrator: what it says, in four languages, and that it says nothing else."""

# ruff: noqa: RUF001 - Japanese has punctuation of its own.

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from platform_assets.core.settings import Settings
from reports.facts.model import Fact, Kind
from reports.narrative.brief import Brief, BriefSection, Draft, Story
from reports.narrative.template import tell
from reports.narrative.write import write
from reports.periods import Grain, Period

WEEK = Period(date(2010, 12, 13), Grain.WEEK)
BEFORE = WEEK.shift(-1)
YEAR_BEFORE = WEEK.year_before()


def fact(id_: str, kind: Kind, value: str | None, unit: str = "GBP", **more: object) -> Fact:
    given: dict[str, object] = {
        "kpi": id_.split(".", maxsplit=1)[0],
        "label": "Net sales",
        "period": WEEK.key,
        "good": "up",
    }
    number = None if value is None else Decimal(value)
    return Fact.model_validate(
        {**given, **more, "id": id_, "kind": kind, "value": number, "unit": unit}
    )


def sales(sign: int = -1) -> tuple[Fact, ...]:
    """A KPI with everything: it fell by a tenth, or rose by a ninth."""
    now, before = ("900", "1000") if sign < 0 else ("1000", "900")
    growth = "-10" if sign < 0 else "11.11"
    to = {"compared_to": BEFORE.key}
    last_year = {"compared_to": YEAR_BEFORE.key}
    return (
        fact("sales", Kind.VALUE, now),
        fact("sales.previous", Kind.VALUE, before, period=BEFORE.key),
        fact("sales.year_before", Kind.VALUE, "800", period=YEAR_BEFORE.key),
        fact("sales.growth.previous", Kind.GROWTH, growth, "%", decimals=1, **to),
        fact("sales.growth.year_before", Kind.GROWTH, "12.5", "%", decimals=1, **last_year),
        fact("sales.difference.previous", Kind.DIFFERENCE, f"{sign * 100}", **to),
        fact("sales.target", Kind.TARGET, "950"),
        fact("sales.share_of_target", Kind.SHARE, "94.74", "%", decimals=1),
        fact("sales.trend", Kind.TREND, "4.5", decimals=1),
        fact("sales.rank", Kind.RANK, "3", "", among=12, compared_to=WEEK.shift(-11).key),
        fact("sales.country.france", Kind.VALUE, "300", entity="France"),
        fact("sales.country.france.share", Kind.SHARE, "33.3", "%", decimals=1, entity="France"),
        fact("sales.country.germany", Kind.VALUE, "600", entity="Germany"),
        fact("sales.country.germany.share", Kind.SHARE, "66.7", "%", decimals=1, entity="Germany"),
        fact(
            "sales.country.germany.contribution", Kind.CONTRIBUTION, "-120", entity="Germany", **to
        ),
        fact("sales.country.france.contribution", Kind.CONTRIBUTION, "20", entity="France", **to),
    )


def brief(facts: tuple[Fact, ...], language: str = "en", **more: object) -> Brief:
    kpis = tuple(dict.fromkeys(one.kpi for one in facts))
    plain = Brief(
        name="weekly-commerce",
        title="Commerce",
        audience="board",
        language=language,
        tone="plain",
        period=WEEK,
        compared=(BEFORE, YEAR_BEFORE),
        sections=(BriefSection("sales", "Sales", kpis),),
        facts=facts,
        series={kpi: (kpi,) * 12 for kpi in kpis},
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def text(drafts: object) -> str:
    assert isinstance(drafts, list | tuple)
    return " ".join(draft.text for draft in drafts).replace("\u00a0", " ")


def body(story: Story) -> str:
    return text(story.sections["sales"])


def test_a_fall_comes_first_with_its_size_and_who_made_it() -> None:
    story = tell(brief(sales()))
    found = [text(story.summary).split(". ", 1)[1], body(story)]
    # The two variants of the finding; which comes first depends on the period.
    assert sorted(said.split(". ")[0].rstrip(".") for said in found) == [
        "Net sales came to £900, down 10.0% on the week before",
        "Net sales fell by 10.0% on the week before, from £1,000 to £900",
    ]
    said = body(story)
    assert "Compared with the same week of the year before, that is 12.5% more." in said
    assert "The target of £950 was missed, with 94.7% of it reached." in said
    assert "It is the third-highest of the last twelve weeks." in said
    assert "the trend rises by £4.5 a week" in said
    assert "The change in Net sales came mainly from Germany (-£120)." in said
    assert "France (+£20) moved the other way in Net sales." in said
    assert (
        "Germany leads in Net sales with £600, a share of 66.7%. Next: France (£300)." in said
        or ("In Net sales, Germany is in the lead with £600, a share of 66.7%." in said)
    )


def test_a_rise_is_called_one() -> None:
    said = body(tell(brief(sales(1))))
    assert re.match(
        r"Net sales (rose by 11\.1% on the week before|came to £1,000, up 11\.1%)", said
    )
    assert "target of £950 was met" in said
    assert "The change in Net sales came mainly from France (+£20)." in said


def ranked(place: int, among: int, grain: Grain = Grain.WEEK, gaps: int = 0) -> Brief:
    """A brief with a rank among so many periods, some more of them without data."""
    period = Period.of(WEEK.start, grain)
    first = period.shift(1 - among - gaps)
    rank = fact(
        "sales.rank", Kind.RANK, str(place), "", period=period.key, compared_to=first.key,
        among=among,
    )  # fmt: skip
    value = fact("sales", Kind.VALUE, "900", period=period.key)
    return brief((value, rank), period=period, compared=())


@pytest.mark.parametrize(
    ("language", "given", "said"),
    [
        ("en", ranked(1, 8), "It is the highest of the last eight weeks."),
        ("en", ranked(4, 8), "It is the fourth-highest of the last eight weeks."),
        ("en", ranked(5, 8), "It is the fourth-lowest of the last eight weeks."),
        ("en", ranked(8, 8), "It is the lowest of the last eight weeks."),
        ("en", ranked(2, 5), "It is the second-highest of the last five weeks."),
        ("en", ranked(3, 16), "It is the third-highest of the last 16 weeks."),
        ("en", ranked(14, 56, Grain.DAY), "It ranks #14 of the last 56 days."),
        ("en", ranked(12, 13, Grain.MONTH), "It is the second-lowest of the last 13 months."),
        ("en", ranked(3, 7, gaps=1), "the third-highest of the last seven weeks with data."),
        ("de", ranked(1, 8), "Das ist der höchste Wert der letzten acht Wochen."),
        ("de", ranked(4, 8), "Das ist der vierthöchste Wert der letzten acht Wochen."),
        ("de", ranked(12, 13, Grain.MONTH), "der zweitniedrigste Wert der letzten 13 Monate."),
        ("de", ranked(14, 56, Grain.DAY), "Nach Größe ist das Platz 14 der letzten 56 Tage."),
        ("de", ranked(1, 7, gaps=2), "höchste Wert der letzten sieben Wochen mit Daten."),
        ("ja", ranked(1, 8), "直近 8 週間で最も高い値。"),
        ("ja", ranked(4, 8, gaps=1), "データのある直近 8 週間での順位（高い順）：#4。"),
        ("ja", ranked(13, 13, Grain.MONTH), "直近 13 か月で最も低い値。"),
        ("ar", ranked(1, 8), "وهي أعلى قيمة بين آخر 8 أسابيع."),
        ("ar", ranked(4, 13, Grain.MONTH), "الترتيب بين آخر 13 شهرًا من الأعلى: #4."),
        ("ar", ranked(4, 7, gaps=1), "الترتيب بين آخر 7 أسابيع فيها بيانات من الأعلى: #4."),
        ("fr", ranked(1, 8), "It is the highest of the last eight weeks."),
    ],
)
def test_a_rank_is_told_with_the_periods_it_is_among(
    language: str, given: Brief, said: str, settings: Settings
) -> None:
    written = write(replace(given, language=language), settings)
    assert not written.refusals
    (paragraph,) = written.sections["sales"]
    assert said in paragraph.text
    # What the guard has bound is a link: the place, where it is a number, and the count.
    linked = {paragraph.text[s.start : s.end] for s in paragraph.spans if "sales.rank" in s.facts}
    count = next(word for word in (*COUNTS, "56", "13", "16", "8", "7") if word in said)
    assert count in linked


COUNTS = ("five", "seven", "eight", "sieben", "acht")


def test_what_is_all_new_is_named_without_its_value_again() -> None:
    facts = tuple(
        one.model_copy(update={"value": Decimal(600)})
        if one.id == "sales.country.germany.contribution"
        else one
        for one in sales(1)
    )
    said = body(tell(brief(facts)))
    assert "came mainly from France (+£20) and Germany." in said
    assert "+£600" not in said
    assert write(brief(facts), Settings()).refusals == ()


def test_a_rank_among_unknown_periods_is_not_told() -> None:
    facts = tuple(one.model_copy(update={"among": 0}) for one in sales())
    assert "weeks" not in body(tell(brief(facts)))


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("de", ["10,0 %", "900 £", "gegenüber der Vorwoche", "verfehlt", "Germany (-120 £)"]),
        ("de-AT", ["gegenüber der Vorwoche", "verfehlt"]),
        ("ja", ["前週比 -10.0%", "には未達", "#3"]),
        ("ar", ["الأسبوع السابق", "-10.0%", "لم يتحقق الهدف"]),
        ("fr", ["on the week before", "was missed"]),
    ],
)
def test_each_language_says_it_in_its_own_words(language: str, parts: list[str]) -> None:
    # Both variants of the finding may come first; together they hold every part.
    story = tell(brief(sales(), language))
    said = f"{text(story.summary)} {body(story)}"
    assert [part for part in parts if part not in said] == []


def test_the_verdict_follows_the_good_direction() -> None:
    returns = tuple(
        one.model_copy(update={"kpi": "returns", "label": "Returns", "good": "down"})
        for one in sales()
    )
    worse = tuple(
        one.model_copy(
            update={"id": f"{one.id}.x", "kpi": "costs", "label": "Costs", "good": "down"}
        )
        for one in sales(1)
    )
    story = tell(brief((*returns, *worse)))
    assert "Returns improved on the week before." in text(story.summary)
    assert "Costs got worse than the week before." in text(story.summary)
    assert "That is an improvement." in body(story)
    assert "That is for the worse." in body(story)


def test_the_target_of_a_kpi_that_should_be_low() -> None:
    low = tuple(one.model_copy(update={"good": "down"}) for one in sales())
    assert "The target of £950 was met" in body(tell(brief(low)))


def test_a_change_in_points_is_not_given_in_percent() -> None:
    to = {"compared_to": BEFORE.key, "label": "Return rate", "decimals": 1}
    facts = (
        fact("rate", Kind.VALUE, "4.6", "%", label="Return rate", decimals=1),
        fact("rate.growth.previous", Kind.GROWTH, "35.3", "%", **to),
        fact("rate.difference.previous", Kind.DIFFERENCE, "1.2", "pp", **to),
    )
    said = body(tell(brief(facts)))
    assert "1.2 pp" in said
    assert "35.3" not in said
    assert "35.3" not in body(tell(brief(facts[:2])))


def test_a_change_that_rounds_to_nothing_has_no_direction() -> None:
    facts = tuple(
        one.model_copy(update={"value": Decimal("0.04")})
        if one.id == "sales.growth.previous"
        else one
        for one in sales()
    )
    said = body(tell(brief(facts)))
    assert "about level with the week before" in said
    assert "0.0%" not in said


def test_gaps_are_stated_and_never_filled() -> None:
    facts = tuple(
        one.model_copy(update={"value": None, "gap": "only 3 of 7 days"})
        if one.id in {"sales", "sales.growth.previous", "sales.country.germany"}
        else one
        for one in sales()
    )
    story = tell(brief(facts))
    assert "There is no data for Net sales in this period." in text(story.summary)
    assert "There is no data for Net sales in this period." in body(story)
    assert "There is no data for Germany in this period." in body(story)
    assert "7 days" not in body(story)


def test_a_kpi_without_facts_is_a_gap_too() -> None:
    story = tell(brief((), sections=(BriefSection("sales", "Sales", ("net_sales",)),)))
    assert body(story) == "There is no data for net sales in this period."


def test_a_missing_year_before_is_said() -> None:
    facts = tuple(
        one.model_copy(update={"value": None, "gap": "no data"}) if "year_before" in one.id else one
        for one in sales()
    )
    said = body(tell(brief(facts)))
    assert "There is no data for the same week of the year before to compare with." in said


def test_the_same_brief_gives_the_same_text_and_periods_differ() -> None:
    assert tell(brief(sales())) == tell(brief(sales()))
    findings = set()
    for shift in range(6):
        period = WEEK.shift(shift)
        moved = tuple(
            one.model_copy(update={"period": period.key}) if one.period == WEEK.key else one
            for one in sales()
        )
        told = tell(brief(moved, period=period, compared=()))
        findings.add(body(told).split(".")[0])
    assert findings == {"Net sales came to £900", "Net sales stood at £900"}


def test_every_fact_whose_figure_is_shown_is_cited() -> None:
    story = tell(brief(sales()))
    first: Draft = story.sections["sales"][0]
    assert {"sales", "sales.growth.previous", "sales.target", "sales.rank"} <= set(first.facts)
    assert "sales.country.germany.contribution" in story.sections["sales"][1].facts
    findings = {draft.text: draft.facts for draft in (*story.summary, first)}
    for said, facts in findings.items():
        assert ("£1,000" in said) == ("sales.previous" in facts)


def test_members_of_two_dimensions_are_told_apart() -> None:
    to = {"compared_to": BEFORE.key}
    product = (
        fact("sales.product.lamp", Kind.VALUE, "500", entity="Lamp"),
        fact("sales.product.lamp.contribution", Kind.CONTRIBUTION, "-90", entity="Lamp", **to),
    )
    countries, products = tell(brief((*sales(), *product))).sections["sales"][1:]
    assert "Lamp" not in countries.text
    assert "The change in Net sales came mainly from Lamp (-£90)." in products.text


def test_a_paragraph_of_the_template_that_is_refused_is_left_out_and_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = Draft("Net sales came to £901.", ("sales",))
    good = Draft("Net sales came to £900.", ("sales",))
    monkeypatch.setattr(
        "reports.narrative.template.tell", lambda _: Story([wrong], {"sales": [good]})
    )
    written = write(brief(sales()), Settings())
    assert written.summary == ()
    assert [one.text for one in written.sections["sales"]] == [good.text]
    assert [one.rule for one in written.notices] == ["guard"]
    assert [one.number for one in written.refusals] == ["£901"]


@pytest.mark.parametrize(("sign", "named"), [(-1, "-£4|-£3|-£2"), (1, "+£4|+£3|+£2")])
def test_the_strongest_three_movers_are_named_strongest_first(sign: int, named: str) -> None:
    movers = tuple(
        fact(
            f"sales.shop.s{size}.contribution",
            Kind.CONTRIBUTION,
            str(sign * size),
            entity=f"Shop {size}",
            compared_to=BEFORE.key,
        )
        for size in (1, 3, 4, 2)
    )
    said = tell(brief((*sales(sign), *movers))).sections["sales"][-1].text
    assert re.findall(r"[+-]£\d", said) == named.split("|")
