"""The stages of a report, each from files to a file: what the assets and the shell run.

``facts.json`` -> ``context.json`` -> ``narrative.json``, ``charts.json`` -> ``report.json``,
``report.html``, ``report.pdf``. A stage reads what an earlier one wrote, so each can be made again
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.citable import Citable, Readers, document_id
from reports.definition import Definition, SectionDefinition, load_definitions
from reports.document import Chart, Paragraph, Passage, Report, Section
from reports.facts.collect import FactSheet, collect, told_sections
from reports.facts.model import Fact, Kind, Notice
from reports.narrative.brief import Brief, BriefSection
from reports.periods import Period
from reports.portal.addresses import fact_url
from reports.portal.readers import portal_readers
from reports.store import HTML, PDF, ReportStore
from reports.wording import format_period

FACTS, CONTEXT, NARRATIVE, CHARTS = (
    "facts.json",
    "context.json",
    "narrative.json",
    "charts.json",
)
REPORTS = "reports"
"""The collection that past reports join."""

PASSAGES = 4
"""Passages of the knowledge base that a narrative may lean on."""

_Model = TypeVar("_Model", bound=BaseModel)


class MissingStageError(WeirError):
    """A stage needs what an earlier one has not made."""


class ContextSheet(BaseModel):
    """Passages found; kept as ``context.json``.

    Attributes:
        queries: what was looked up.
        passages: what may be cited.
        unread: files, and parts of files, that could not be read; each is named when the file is
            new or has changed.
    """

    model_config = ConfigDict(frozen=True)

    queries: tuple[str, ...]
    passages: tuple[Passage, ...]
    unread: tuple[str, ...] = ()


class NarrativeSheet(BaseModel):
    """Paragraphs that passed the guard; kept as ``narrative.json``.

    Attributes:
        narrator: ``template`` or the model's name.
        summary: for the first page.
        sections: section -> paragraphs.
        refusals: what the guard refused on the way, a sentence each.
        tokens: tokens used, both ways.
        notices: that a model failed or was refused.
    """

    model_config = ConfigDict(frozen=True)

    narrator: str
    summary: tuple[Paragraph, ...]
    sections: dict[str, tuple[Paragraph, ...]]
    refusals: tuple[str, ...] = ()
    tokens: int = 0
    notices: tuple[Notice, ...] = ()


class ChartSheet(BaseModel):
    """Charts drawn; kept as ``charts.json``."""

    model_config = ConfigDict(frozen=True)

    charts: tuple[Chart, ...]


class Maker:
    """Makes one report of one period, stage by stage.

    Args:
        definition: the report.
        period: its period.
        settings: addresses and folders.
        definitions: all reports, by name; None reads the shipped ones once they are needed.
        readers: who reads what in the portal; None asks its database once it matters.
    """

    def __init__(
        self,
        definition: Definition,
        period: Period,
        settings: Settings,
        definitions: Mapping[str, Definition] | None = None,
        readers: Readers | None = None,
    ) -> None:
        self.definition, self.period, self.settings = definition, period, settings
        self._definitions, self._readers = definitions, readers or portal_readers(settings)
        self.store = ReportStore(settings)

    def facts(
        self,
        *,
        failed_checks: Sequence[str] = (),
        reproduce: bool = False,
        progress: Callable[[str], None] = lambda _: None,
    ) -> FactSheet:
        """Collect the facts.

        Args:
            failed_checks: failed checks of the tables read, as ``table: check``.
            reproduce: read the snapshots of the sheet that is there.
            progress: told each KPI as it is begun.
        """
        known = self._read(FACTS, FactSheet).snapshots if reproduce else None
        sheet = collect(
            self.definition, self.period, self.settings, snapshots=known, progress=progress
        )
        failed = tuple(
            Notice(rule="quality", message=f"a check of its data failed: {check}")
            for check in failed_checks
        )
        return self._write(FACTS, sheet.model_copy(update={"notices": (*sheet.notices, *failed)}))

    def context(self) -> ContextSheet:
        """Find passages about what the facts show moved, of documents that may be cited."""
        from reports.knowledge.base import KnowledgeBase
        from reports.knowledge.embed import shared_embedder

        sheet = self._read(FACTS, FactSheet)
        queries = _queries(sheet)
        embedder = shared_embedder(self.settings.embedding_model, self.settings.cache)
        vectors = embedder.embed(queries)
        found: dict[str, Passage] = {}
        unread: list[str] = []
        citable = Citable(
            self.definition,
            self.period.key,
            self.store,
            lambda: load_definitions() if self._definitions is None else self._definitions,
            self._readers,
        )
        for collection in (*self.definition.knowledge, REPORTS):
            base = KnowledgeBase(self.settings, collection, embedder=embedder)
            folder = knowledge_folder(self.settings) / collection
            if collection != REPORTS and folder.is_dir():
                unread += [refusal.message for refusal in base.sync(folder).refused]
            for at, query in enumerate(queries):
                for passage in base.search(query, k=2, vector=vectors[[at]], only=citable):
                    found.setdefault(passage.id, passage)
        return self._write(
            CONTEXT,
            ContextSheet(
                queries=queries,
                passages=tuple(found.values())[:PASSAGES],
                unread=tuple(unread),
            ),
        )

    def narrative(self) -> NarrativeSheet:
        """Write the paragraphs and have the guard check them."""
        from reports.narrative.write import write

        sheet, context = self._read(FACTS, FactSheet), self._read(CONTEXT, ContextSheet)
        written = write(brief(self.definition, self.period, sheet, context), self.settings)
        return self._write(
            NARRATIVE,
            NarrativeSheet(
                narrator=written.narrator,
                summary=written.summary,
                sections=written.sections,
                refusals=tuple(
                    f"{one.sentence} ({one.rule}: {one.message})" for one in written.refusals
                ),
                tokens=written.usage.tokens,
                notices=written.notices,
            ),
        )

    def charts(self) -> ChartSheet:
        """Draw the charts that say something."""
        from reports.figures import draw_all

        sheet = self._read(FACTS, FactSheet)
        told = brief(self.definition, self.period, sheet, ContextSheet(queries=(), passages=()))
        return self._write(CHARTS, ChartSheet(charts=draw_all(self.definition, sheet, told)))

    def document(self) -> Report:
        """Put the report together; write its JSON and its page."""
        report = self._report()
        self._save(report)
        self._remember(report)
        return report

    def _save(self, report: Report) -> None:
        from reports.page import render

        self.store.save(report)
        html = render(
            report, fact_url=lambda fact: fact_url(self.settings, report.name, report.period, fact)
        )
        self.store.write(report.name, report.period, HTML, html.encode())

    def _remember(self, report: Report) -> None:
        """Let later reports quote this one; one that is held, or says nothing, is not quoted."""
        from reports.knowledge.base import KnowledgeBase
        from reports.knowledge.model import Block

        parts = [
            (report.title, report.summary),
            *((s.heading, s.paragraphs) for s in report.sections),
        ]
        base = KnowledgeBase(self.settings, REPORTS, language=report.language)
        blocks = [Block(text=p.text, heading=heading) for heading, ps in parts for p in ps]
        if report.held or not blocks:
            base.remove(document_id(report.name, report.period))
            return
        base.add(
            document_id(report.name, report.period),
            f"{report.title}, {report.period_label}",
            blocks,
        )

    def pdf(self) -> Path | None:
        """Print the page; None on a machine without a browser, where the report then says so."""
        from reports.pdf import NoBrowserError, PdfPrinter

        name, period = self.definition.name, self.period.key
        page, pdf = self.store.path(name, period, HTML), self.store.path(name, period, PDF)
        try:
            with PdfPrinter() as printer:
                return printer.print(page.read_text(), pdf)
        except NoBrowserError as error:
            # One of an earlier making would show other numbers than the page.
            pdf.unlink(missing_ok=True)
            report, notice = self.store.load(name, period), error.notice(name, period)
            self._save(report.model_copy(update={"notices": (*report.notices, notice)}))
            return None

    def _report(self) -> Report:
        definition, sheet = self.definition, self._read(FACTS, FactSheet)
        narrative = self._read(NARRATIVE, NarrativeSheet)
        charts = {chart.id: chart for chart in self._read(CHARTS, ChartSheet).charts}
        passages = {one.id: one for one in self._read(CONTEXT, ContextSheet).passages}
        paragraphs = [*narrative.summary, *(p for ps in narrative.sections.values() for p in ps)]
        cited = dict.fromkeys(name for one in paragraphs for name in one.passages)
        report = Report(
            name=definition.name,
            title=definition.title,
            audience=definition.audience,
            language=definition.language,
            period=self.period.key,
            period_label=format_period(self.period.key, definition.language),
            data_until=sheet.data_until,
            narrator=narrative.narrator,
            headline=sheet.headline,
            summary=narrative.summary,
            sections=tuple(
                Section(
                    id=section.id,
                    heading=section.heading,
                    paragraphs=narrative.sections.get(section.id, ()),
                    charts=tuple(charts[name] for name in section.charts if name in charts),
                    table=tuple(fact.id for fact in sheet.facts if self._shown(fact, section)),
                )
                for section in told_sections(definition, sheet)
            ),
            facts=sheet.facts,
            passages=tuple(passages[name] for name in cited if name in passages),
            notices=(*sheet.notices, *narrative.notices),
            held=held(definition, sheet),
            zone=definition.zone,
            # Without a portal nothing is behind the links.
            appendix=definition.appendix if self.settings.portal_url else "full",
        )
        return report.model_copy(update={"facts": used(report)})

    def _shown(self, fact: Fact, section: SectionDefinition) -> bool:
        """Whether a section's table has a line for a fact: this period's values that say much."""
        return (
            fact.kpi in section.kpis
            and fact.kind is Kind.VALUE
            and fact.period == self.period.key
            and bool(fact.value if fact.entity else fact.value is not None)
        )

    def _read(self, file: str, model: type[_Model]) -> _Model:
        path = self.store.path(self.definition.name, self.period.key, file)
        if not path.is_file():
            raise MissingStageError(
                f"{self.definition.name} {self.period.key}: {file} has not been made",
                f"make the whole report: weir report {self.definition.name} "
                f"--period {self.period.key}",
            )
        return model.model_validate_json(path.read_bytes())

    def _write(self, file: str, sheet: _Model) -> _Model:
        content = sheet.model_dump_json(indent=1).encode()
        self.store.write(self.definition.name, self.period.key, file, content)
        return sheet


def brief(definition: Definition, period: Period, sheet: FactSheet, context: ContextSheet) -> Brief:
    """What a narrator is told."""
    compared = {
        fact.period for fact in sheet.facts if fact.id.endswith((".previous", ".year_before"))
    }
    others = (period.shift(-1), period.year_before())
    by_kpi: dict[str, dict[str, str]] = {}
    for fact in sheet.facts:
        if fact.kind is Kind.VALUE and not fact.entity:
            by_kpi.setdefault(fact.kpi, {}).setdefault(fact.period, fact.id)
    return Brief(
        name=definition.name,
        title=definition.title,
        audience=definition.audience,
        language=definition.language,
        tone=definition.tone,
        period=period,
        compared=tuple(other for other in others if other.key in compared),
        sections=tuple(
            BriefSection(section.id, section.heading, section.kpis)
            for section in told_sections(definition, sheet)
        ),
        facts=sheet.facts,
        passages=context.passages,
        series={
            kpi: tuple(by_kpi[kpi][key] for key, value in points if value is not None)
            for kpi, points in sheet.series.items()
            if kpi in by_kpi
        },
        headline=sheet.headline,
    )


def used(report: Report) -> tuple[Fact, ...]:
    """The facts that a report shows, and those that they follow from; gaps too."""
    paragraphs = [*report.summary, *(p for section in report.sections for p in section.paragraphs)]
    charts = [chart for section in report.sections for chart in section.charts]
    spans = [span for paragraph in paragraphs for span in paragraph.spans]
    spans += [span for chart in charts for span in chart.spans]
    names = {*report.headline, *(name for span in spans for name in span.facts)}
    names.update(name for chart in charts for name in chart.facts)
    names.update(name for section in report.sections for name in section.table)
    # The cover and the tables show the change beside a value.
    names.update(f.id for f in report.facts if not f.entity and f.kind is not Kind.VALUE)
    names.update(fact.id for fact in report.facts if fact.gap)
    by_id = {fact.id: fact for fact in report.facts}
    todo = list(names)
    while todo:
        derivation = by_id[todo.pop()].derivation
        new = set(derivation.of if derivation else ()) - names
        names.update(new)
        todo.extend(new)
    return tuple(fact for fact in report.facts if fact.id in names)


def held(definition: Definition, sheet: FactSheet) -> str:
    """Why a report may not be delivered, by its policy; empty where it may."""
    reasons = []
    if definition.late == "hold" and sheet.late:
        reasons.append(f"late data ({', '.join(sheet.late)})")
    failed = [notice.message for notice in sheet.notices if notice.rule == "quality"]
    if definition.failed_checks == "hold" and failed:
        reasons.append("; ".join(failed))
    return "; ".join(reasons)


def knowledge_folder(settings: Settings) -> Path:
    """Where documents lie, a folder a collection."""
    return Path(settings.reports_root).parent / "knowledge" / "documents"


def _queries(sheet: FactSheet) -> tuple[str, ...]:
    """What to look up: the KPIs on the cover, with the members that moved most."""
    queries = []
    for name in sheet.headline:
        fact = next(fact for fact in sheet.facts if fact.id == name)
        moved = [f.entity for f in sheet.facts if f.kpi == name and f.kind is Kind.CONTRIBUTION]
        queries.append(" ".join([fact.label, *moved[:2]]))
    return tuple(queries)
