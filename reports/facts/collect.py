"""All facts of a report's period, from one set of pinned snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from platform_assets.core.errors import WeirError
from platform_assets.core.preload import preload
from platform_assets.core.settings import Settings
from reports.definition import HEADLINE, Definition, Kpi, SectionDefinition
from reports.facts.analysis import Findings, analyse
from reports.facts.model import Fact, Notice
from reports.facts.query import KpiReader, pin
from reports.periods import Period

QUERIES_AT_ONCE = 3
"""KPIs read side by side: Trino on a small machine has no room for more."""

_WITHOUT_VALUE = ("gap", "empty")
"""Notices of a KPI that has no value."""


class FactsError(WeirError):
    """The facts of a report cannot be collected."""


class FactSheet(BaseModel):
    """Every fact of a report and period; kept as ``facts.json``.

    Attributes:
        name: the report.
        period: key of the period.
        snapshots: table -> Iceberg snapshot id read at.
        data_until: newest commit among them, ISO 8601 UTC.
        headline: ids of the cover's figures.
        facts: in the order of telling.
        series: KPI -> (period key, value), oldest first; None is a gap.
        notices: gaps and late data.
        late: KPIs whose rows end before the period does.
        left_out: sections that have no value to tell of; a notice names them.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    period: str
    snapshots: dict[str, int]
    data_until: str
    headline: tuple[str, ...]
    facts: tuple[Fact, ...]
    series: dict[str, tuple[tuple[str, Decimal | None], ...]]
    notices: tuple[Notice, ...] = ()
    late: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def collect(
    definition: Definition,
    period: Period,
    settings: Settings,
    *,
    snapshots: Mapping[str, int] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> FactSheet:
    """Read and compute every fact of a period.

    Args:
        definition: the report.
        period: its period.
        settings: where Trino is.
        snapshots: snapshots of an earlier sheet, to make it again.
        progress: told each KPI as it is begun.

    Raises:
        FactsError: a KPI's SQL is refused; names report, KPI and Trino's words.
        TrinoUnreachableError: Trino does not answer.
    """
    pins = pin(settings, definition.tables(), snapshots)

    def reader(kpi: Kpi) -> KpiReader:
        return KpiReader(settings, kpi, definition.statements[kpi.id], pins, definition.zone)

    def one(name: str) -> Findings:
        progress(name)
        kpi = definition.kpi(name)
        try:
            return analyse(reader(kpi), period)
        except WeirError as error:
            raise FactsError(
                f"{definition.name}: KPI {name} ({kpi.sql}): {error.message}", error.hint
            ) from error

    preload(("numpy", "statsmodels.tsa.seasonal", "trino.dbapi"))
    with ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
        found = list(pool.map(one, [kpi.id for kpi in definition.kpis]))
    facts = tuple(fact for findings in found for fact in findings.facts)
    _refuse_twins(definition.name, facts)
    left_out = _left_out(definition, found)
    valued = {fact.id for fact in facts if fact.value is not None}
    return FactSheet(
        name=definition.name,
        period=period.key,
        snapshots=dict(pins.snapshots),
        data_until=pins.until(),
        headline=tuple([name for name in definition.headline if name in valued][:HEADLINE]),
        facts=facts,
        series={f.kpi.id: tuple((p.key, v) for p, v in f.series) for f in found},
        notices=_notices(left_out, found),
        late=tuple(f.kpi.id for f in found if any(rule == "freshness" for rule, _ in f.notices)),
        left_out=tuple(section.id for section in left_out),
    )


def _refuse_twins(report: str, facts: Sequence[Fact]) -> None:
    """Refuse two facts of one id: a link would lead to either.

    Raises:
        FactsError: names the id and what both facts are about.
    """
    seen: dict[str, Fact] = {}
    for fact in facts:
        other = seen.setdefault(fact.id, fact)
        if other is not fact:
            one, two = (
                f"{f.label} of {f.entity or 'the whole'!r} ({f.kind})" for f in (other, fact)
            )
            raise FactsError(
                f"{report}: two facts have the id {fact.id!r}: {one} and {two}",
                "rename the KPI, the column or one of the members",
            )


def told_sections(definition: Definition, sheet: FactSheet) -> list[SectionDefinition]:
    """The sections that have something to tell."""
    return [section for section in definition.sections if section.id not in sheet.left_out]


def _left_out(definition: Definition, found: list[Findings]) -> list[SectionDefinition]:
    """Sections of which no KPI has a value in the period."""
    valued = {f.kpi.id for f in found if any(fact.value is not None for fact in f.facts)}
    return [section for section in definition.sections if not valued.intersection(section.kpis)]


def _notices(left_out: list[SectionDefinition], found: list[Findings]) -> tuple[Notice, ...]:
    """One notice for all KPIs of which the same is to be said; a section left out is named once."""
    headings: dict[tuple[str, str], list[str]] = {}
    for section in left_out:
        own = [notice for f in found if f.kpi.id in section.kpis for notice in f.notices]
        missing = [notice for notice in own if notice[0] in _WITHOUT_VALUE]
        # It may be that some of its data was lost and some never came: the loss is what counts.
        rule, text = next((one for one in missing if one[0] == "gap"), missing[0])
        headings.setdefault((rule, f"{text}; left out"), []).append(section.heading)
    told = {name for section in left_out for name in section.kpis}
    labels: dict[tuple[str, str], list[str]] = {}
    for findings in found:
        for notice in findings.notices:
            if findings.kpi.id not in told or notice[0] not in _WITHOUT_VALUE:
                labels.setdefault(notice, []).append(findings.kpi.label)
    return tuple(
        Notice(rule=rule, message=f"{', '.join(names)}: {text}")
        for (rule, text), names in [*headings.items(), *labels.items()]
    )
