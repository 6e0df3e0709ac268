"""The charts of a report: which facts are drawn, and the finding that is their title."""

from __future__ import annotations

from decimal import Decimal

from reports import charts
from reports.definition import ChartDefinition, Definition, Kpi
from reports.document import Chart, Span
from reports.facts.collect import FactSheet
from reports.facts.model import Fact, Kind
from reports.language import locale_of
from reports.narrative.brief import SUMMARY, Brief, Place
from reports.narrative.evidence import Evidence
from reports.narrative.template import About, Teller
from reports.periods import Period
from reports.wording import format_period

_ABOUT: dict[str, About] = {"trend": "finding", "contributions": "movers", "ranking": "leaders"}

_ALT = {
    "en": {
        "trend": "Line chart: {label}, {first} to {last}.",
        "ranking": "Bar chart: {label} by {by}, the largest first.",
        "contributions": "Bar chart: what {by} add to the change of {label}.",
    },
    "de": {
        "trend": "Liniendiagramm: {label}, {first} bis {last}.",
        "ranking": "Balkendiagramm: {label} nach {by}, das Größte zuerst.",
        "contributions": "Balkendiagramm: Beitrag ({by}) zur Änderung von {label}.",
    },
    "ja": {
        "trend": "折れ線グラフ: {label}、{first}から{last}まで。",
        "ranking": "棒グラフ: {label}（{by}別、大きい順）。",
        "contributions": "棒グラフ: {label}の変化への寄与（{by}別）。",
    },
    "ar": {
        "trend": "مخطط خطي: {label}، من {first} إلى {last}.",
        "ranking": "مخطط أعمدة: {label} حسب {by}، الأكبر أولاً.",
        "contributions": "مخطط أعمدة: مساهمة {by} في تغير {label}.",
    },
}


class Titles:
    """The titles of one report's charts: what is read and judged for one serves all."""

    def __init__(self, brief: Brief) -> None:
        self._teller = Teller(brief)
        self._evidence = Evidence(brief, brief.language)

    def title(self, chart: ChartDefinition, kpi: Kpi) -> tuple[str, tuple[Span, ...]]:
        """The finding, where the guard accepts it; else what the chart is of."""
        draft = self._teller.sentence(kpi.id, _ABOUT[chart.kind])
        if draft is None:
            return kpi.label, ()
        paragraph, refusals = self._evidence.judge(Place(SUMMARY, 0), draft)
        if refusals:
            return kpi.label, ()
        return paragraph.text.rstrip(".。"), paragraph.spans


def draw_all(definition: Definition, sheet: FactSheet, brief: Brief) -> tuple[Chart, ...]:
    """Draw a report's charts, without those that would show nothing."""
    titles = Titles(brief)
    drawn = (_draw(chart, definition, sheet, brief, titles) for chart in definition.charts)
    return tuple(chart for chart in drawn if chart is not None)


def _draw(
    chart: ChartDefinition,
    definition: Definition,
    sheet: FactSheet,
    brief: Brief,
    titles: Titles,
) -> Chart | None:
    """Draw a chart; None where a sentence says as much, or there is nothing to show."""
    kpi = definition.kpi(chart.kpi)
    facts = [fact for fact in sheet.facts if fact.kpi == kpi.id and fact.value is not None]
    if not any(fact.id == kpi.id for fact in facts):
        return None
    title, spans = titles.title(chart, kpi)
    if chart.kind == "trend":
        return _trend(chart, kpi, facts, sheet, brief, title, spans)
    wanted = Kind.CONTRIBUTION if chart.kind == "contributions" else Kind.VALUE
    drawn = sorted(
        (
            fact
            for fact in facts
            if fact.entity and fact.period == sheet.period and fact.kind is wanted and fact.value
        ),
        key=lambda fact: (-abs(fact.value or Decimal(0)), fact.id),
    )
    drawn = drawn[: kpi.by.top] if kpi.by else drawn
    bars = [charts.Bar(fact.entity, fact.value) for fact in drawn if fact.value is not None]
    draw_bars = charts.contributions if chart.kind == "contributions" else charts.ranking
    return draw_bars(
        chart.id,
        title,
        _alt(chart.kind, kpi, definition.language),
        kpi.unit,
        bars,
        language=definition.language,
        decimals=kpi.decimals,
        facts=tuple(fact.id for fact in drawn),
        spans=spans,
    )


def _trend(
    chart: ChartDefinition,
    kpi: Kpi,
    facts: list[Fact],
    sheet: FactSheet,
    brief: Brief,
    title: str,
    spans: tuple[Span, ...],
) -> Chart | None:
    shown = sheet.series[kpi.id][-chart.periods :]
    grain, language = brief.period.grain, brief.language
    points = [charts.Point(key, Period.parse(key, grain).start, value) for key, value in shown]
    ids = {fact.period: fact.id for fact in reversed(facts) if _plain(fact)}
    target = next((fact.value for fact in facts if fact.kind is Kind.TARGET), None)
    first, last = (format_period(key, language) for key in (shown[0][0], shown[-1][0]))
    return charts.trend(
        chart.id,
        title,
        _alt("trend", kpi, language, first=first, last=last),
        kpi.unit,
        points,
        target=target,
        language=language,
        decimals=kpi.decimals,
        facts=tuple(ids[key] for key, value in shown if value is not None),
        spans=spans,
    )


def _plain(fact: Fact) -> bool:
    return fact.kind is Kind.VALUE and not fact.entity


def _alt(kind: str, kpi: Kpi, language: str, **words: str) -> str:
    by = kpi.by.label if kpi.by else ""
    return _ALT[locale_of(language).language][kind].format(label=kpi.label, by=by, **words)
