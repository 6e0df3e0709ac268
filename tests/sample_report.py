"""A report of each language, made up, with everything that a page can show.

Belongs here: documents for tests and benches of the page. Does not belong here: facts of real
tables.
"""

# Other scripts have marks that look like ASCII ones, and are written without spaces.
# ruff: noqa: E501
from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import cache

from reports.charts import Bar, Point, contributions, ranking, trend
from reports.document import Chart, Paragraph, Passage, Report, Section, Span
from reports.facts.model import Derivation, Fact, Kind, Notice, Source
from reports.wording import format_fact

PERIOD, BEFORE = "2010-W49", "2010-W48"
FIRST = date(2010, 9, 20)
SNAPSHOT = 4137829465723641
TABLE = "gold.retail.sales_per_hour"
MEMBERS = {"EIRE": 41230, "Germany": 38102, "France": 33915, "Netherlands": 29870, "Norway": 8125}

CHANGES = {"EIRE": 9_240, "Germany": 2_150, "Netherlands": 1_480, "Norway": -310, "France": -640}

WORDS = {
    "en": {
        "title": "Weekly commerce report", "audience": "the board", "sales": "Net sales",
        "orders": "Orders", "basket": "Average basket", "returns": "Return rate",
        "buyers": "Active customers", "unit": "orders", "people": "customers",
        "period": "Dec 6 – 12, 2010",
        "summary": "Net sales reached {value}, {growth} against the week before. Most of it came from "
        "orders for the holidays, while the return rate stayed within its usual range.",
        "section": "Net sales by country",
        "body": "The five largest markets outside the United Kingdom are shown below. Returns are "
        "taken off on the day on which they were booked, as the handbook asks.",
        "trend": "Net sales have grown for three weeks and stand at {value}",
        "rank": "EIRE leads the markets abroad with {value}",
        "sums": "EIRE explains most of the change",
        "gap": "No sales arrived on 11 and 12 October; the week is left out.",
    },
    "de": {
        "title": "Wochenbericht Handel", "audience": "den Vorstand", "sales": "Nettoumsatz",
        "orders": "Bestellungen", "basket": "Durchschnittlicher Warenkorb",
        "returns": "Rücksendequote", "buyers": "Aktive Kundinnen und Kunden",
        "unit": "Bestellungen", "people": "Personen", "period": "6. – 12. Dezember 2010",
        "summary": "Der Nettoumsatz erreichte {value}, {growth} gegenüber der Vorwoche. Das meiste "
        "davon stammt aus dem Weihnachtsgeschäft; die Rücksendequote blieb im üblichen Rahmen.",
        "section": "Nettoumsatz nach Ländern",
        "body": "Gezeigt werden die fünf größten Märkte außerhalb des Vereinigten Königreichs. "
        "Rücksendungen werden am Buchungstag abgezogen, wie es das Handbuch verlangt.",
        "trend": "Der Nettoumsatz wächst seit drei Wochen und liegt bei {value}",
        "rank": "Irland führt die Auslandsmärkte mit {value} an",
        "sums": "Irland erklärt den größten Teil der Veränderung",
        "gap": "Am 11. und 12. Oktober kamen keine Umsätze an; die Woche fehlt.",
    },
    "ja": {
        "title": "週次販売報告書", "audience": "取締役会", "sales": "純売上高", "orders": "注文数",
        "basket": "平均注文額", "returns": "返品率", "buyers": "購入顧客数", "unit": "件",
        "people": "人", "period": "2010年12月6日〜12日",
        "summary": "純売上高は{value}となり、前週比{growth}でした。増加の大半は年末商戦の注文によるもので、"
        "返品率は通常の範囲にとどまりました。",
        "section": "国別の純売上高",
        "body": "英国を除く上位五市場を示します。返品は手引きに従い、計上日に差し引いています。",
        "trend": "純売上高は三週連続で増加し、{value}に達した",
        "rank": "海外市場の首位はアイルランドの{value}",
        "sums": "変化の大半はアイルランドによる",
        "gap": "10月11日と12日の売上データが届いておらず、この週は含めていません。",
    },
    "ar": {
        "title": "تقرير التجارة الأسبوعي", "audience": "مجلس الإدارة", "sales": "صافي المبيعات",
        "orders": "الطلبات", "basket": "متوسط السلة", "returns": "معدل المرتجعات",
        "buyers": "العملاء النشطون", "unit": "طلب", "people": "عميل",
        "period": "6 – 12 ديسمبر 2010",
        "summary": "بلغ صافي المبيعات {value}، بتغيّر قدره {growth} عن الأسبوع السابق. جاء معظمه من "
        "طلبات موسم الأعياد، وبقي معدل المرتجعات ضمن نطاقه المعتاد.",
        "section": "صافي المبيعات حسب البلد",
        "body": "تظهر أدناه أكبر خمس أسواق خارج المملكة المتحدة. تُخصم المرتجعات في يوم قيدها كما "
        "يطلب الدليل.",
        "trend": "نما صافي المبيعات ثلاثة أسابيع متتالية وبلغ {value}",
        "rank": "تتصدر أيرلندا الأسواق الخارجية بقيمة {value}",
        "sums": "تفسّر أيرلندا معظم التغيّر",
        "gap": "لم تصل مبيعات يومي 11 و12 أكتوبر؛ تُرك الأسبوع خارج الحساب.",
    },
}  # fmt: skip


@cache
def sample_report(language: str = "en", sections: int = 1, narrator: str = "template") -> Report:
    """A report with its body repeated so many times, to be as long as a test wants."""
    words = WORDS[language]
    facts = _facts(words)
    by_id = {fact.id: fact for fact in facts}
    sales, growth = by_id["net_sales"], by_id["net_sales.growth.previous"]
    shown = {"value": (sales, False), "growth": (growth, True)}
    return Report(
        name="weekly-commerce",
        title=words["title"],
        audience=words["audience"],
        language=language,
        period=PERIOD,
        period_label=words["period"],
        data_until="2010-12-13T05:04:11+00:00",
        narrator=narrator,
        headline=("net_sales", "orders", "basket", "returns", "buyers"),
        summary=(_linked(words["summary"], shown, language, ("handbook-3",)),),
        sections=tuple(_section(number, words, by_id, language) for number in range(sections)),
        facts=facts,
        passages=(
            Passage(
                id="handbook-3",
                document="handbook.pdf",
                title="Finance handbook",
                page=3,
                heading="Revenue",
                text="Returns are deducted on the day on which they are booked, not on the day of "
                "the order.",
            ),
        ),
        notices=(Notice(rule="gap", message=words["gap"]),),
    )


def _section(number: int, words: dict[str, str], facts: dict[str, Fact], language: str) -> Section:
    sales, best = facts["net_sales"], facts["net_sales.country.eire"]
    title = _linked(words["trend"], {"value": (sales, False)}, language)
    points = [
        Point(
            f"2010-W{38 + week}",
            FIRST + timedelta(weeks=week),
            None if week == 3 else Decimal(171_000 + week * 9_500 + (week * 37 % 11) * 6_100),
        )
        for week in range(11)
    ]
    points.append(Point(PERIOD, FIRST + timedelta(weeks=11), sales.value))
    rank = _linked(words["rank"], {"value": (best, False)}, language)
    bars = [Bar(name, Decimal(value)) for name, value in MEMBERS.items()]
    changes = [Bar(name, Decimal(value)) for name, value in CHANGES.items()]
    charts: list[Chart | None] = [
        trend(
            f"trend-{number}", title.text, words["trend"].format(value="…"), "GBP", points,
            target=Decimal(280_000), highlight=PERIOD, language=language,
            facts=("net_sales",), spans=title.spans,
        ),
        ranking(
            f"rank-{number}", rank.text, words["section"], "GBP", bars, highlight="EIRE",
            language=language, facts=("net_sales.country.eire",), spans=rank.spans,
        ),
        contributions(
            f"sums-{number}", words["sums"], words["sums"], "GBP", changes, language=language,
            total=Bar(words["sales"], sum((bar.value for bar in changes), Decimal(0))),
        ),
    ]  # fmt: skip
    return Section(
        id=f"countries-{number}",
        heading=words["section"] if not number else f"{words['section']} ({number + 1})",
        paragraphs=(Paragraph(text=words["body"], passages=("handbook-3",)),),
        charts=tuple(chart for chart in charts if chart),
        table=(
            "net_sales",
            *(f"net_sales.country.{name.lower()}" for name in MEMBERS),
            *(f"net_sales.country.{name.lower()}.growth" for name in MEMBERS),
            "net_sales.gap",
        ),
    )


def _linked(
    text: str,
    facts: dict[str, tuple[Fact, bool]],
    language: str,
    passages: tuple[str, ...] = (),
) -> Paragraph:
    """A text with its figures filled in, and a span for each."""
    spans: list[Span] = []
    for name, (fact, signed) in facts.items():
        shown = format_fact(fact, language, signed=signed)
        start = text.index(f"{{{name}}}")
        text = text.replace(f"{{{name}}}", shown, 1)
        spans.append(Span(start=start, end=start + len(shown), facts=(fact.id,)))
    return Paragraph(text=text, spans=tuple(spans), passages=passages)


def _facts(words: dict[str, str]) -> tuple[Fact, ...]:
    figures = (
        ("net_sales", words["sales"], "GBP", "318420.55", 0, "up", "6.4"),
        ("orders", words["orders"], words["unit"], "1284", 0, "up", "0"),
        ("basket", words["basket"], "GBP", "247.99", 2, "up", "-1.3"),
        ("returns", words["returns"], "%", "2.35", 2, "down", "0.4"),
        ("buyers", words["buyers"], words["people"], "871", 0, "none", "3.1"),
    )
    facts = []
    for kpi, label, unit, value, decimals, good, moved in figures:
        points = unit == "%"
        facts.append(
            Fact(
                id=kpi, kpi=kpi, label=label, kind=Kind.VALUE, value=Decimal(value), unit=unit,
                decimals=decimals, period=PERIOD, good=good, source=_source(kpi),
            )
        )  # fmt: skip
        facts.append(
            Fact(
                id=f"{kpi}.{'difference' if points else 'growth'}.previous", kpi=kpi, label=label,
                kind=Kind.DIFFERENCE if points else Kind.GROWTH, value=Decimal(moved),
                unit="pp" if points else "%", decimals=1, period=PERIOD, compared_to=BEFORE,
                good=good, source=_source(kpi),
                derivation=Derivation(
                    op="difference" if points else "growth", of=(kpi, f"{kpi}.previous")
                ),
            )
        )  # fmt: skip
    for name, amount in MEMBERS.items():
        member = Fact(
            id=f"net_sales.country.{name.lower()}", kpi="net_sales", label=words["sales"],
            kind=Kind.VALUE, value=Decimal(amount), unit="GBP", period=PERIOD, entity=name,
            good="up", source=_source("net_sales", f" AND country = '{name}'"),
        )  # fmt: skip
        moved = Decimal(amount % 19 - 8) / 2
        growth = {
            "id": f"{member.id}.growth", "kind": Kind.GROWTH, "value": moved, "unit": "%",
            "decimals": 1, "compared_to": BEFORE,
        }  # fmt: skip
        facts += [member, member.model_copy(update=growth)]
    gap = {"id": "net_sales.gap", "value": None, "period": "2010-W41", "gap": words["gap"]}
    aim = {"id": "net_sales.target", "kind": Kind.TARGET, "source": None, "value": Decimal(280_000)}
    return (*facts, facts[0].model_copy(update=gap), facts[0].model_copy(update=aim))


def _source(kpi: str, where: str = "") -> Source:
    rows = (
        f"FROM {TABLE} FOR VERSION AS OF {SNAPSHOT}\n"
        f"WHERE day >= DATE '2010-12-06' AND day < DATE '2010-12-13'{where}"
    )
    return Source(
        sql=f"SELECT sum({kpi}) AS value\n{rows}",
        snapshots={TABLE: SNAPSHOT},
        rows_sql=f"SELECT day, country, {kpi}\n{rows}",
        assets=("gold/retail/sales_per_hour",),
    )
