"""Reports as assets: facts, context, narrative, charts, document and delivery, by period."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from platform_assets.graph.broken_assets import build_broken_definitions, build_each
from platform_assets.graph.dagster_private import AssetCheckExecutionRecordStatus
from platform_assets.graph.retries import backing_off
from reports.definition import DEFINITIONS, Definition, load_definitions
from reports.periods import Grain, Period
from reports.portal.addresses import report_url

if TYPE_CHECKING:
    from reports.document import Report
    from reports.make import Maker

CheckKeys = Callable[[], Iterable[dg.AssetCheckKey]]

GROUP = "reports"
POOL = "reports"
"""Dagster pool: one report's Chromium and queries at a time on a small machine."""

_RETRY = backing_off(2)
_ENDED = (AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED)
_CHECKS = ("guard", "freshness", "completeness")


class FactsConfig(dg.Config):
    """Options of the facts."""

    reproduce: bool = Field(
        default=False, description="Read the snapshots of the facts that are there."
    )


class DeliveryConfig(dg.Config):
    """Options of a delivery."""

    send: bool = Field(
        default=True, description="False: show what would be sent, and send nothing."
    )
    resend: bool = Field(default=False, description="Send again what was sent before.")


def build_report_definitions(check_keys: CheckKeys, folder: Path | None = None) -> dg.Definitions:
    """Assets, job and schedule of every definition; reads the YAML files only.

    A definition that cannot be used, or that Dagster refuses, becomes an asset with its error.

    Args:
        check_keys: every asset check of the whole graph, asked for when a report is made.
        folder: where the definitions are; default: those that ship.
    """
    folder = folder or DEFINITIONS
    loaded = load_definitions(folder)

    def build(report: Definition) -> dg.Definitions:
        job = _job(report)
        return dg.Definitions(
            assets=build_report_assets(report, check_keys),
            jobs=[job],
            schedules=[_schedule(report, job)],
        )

    paths = [(folder / f"{name}.yaml", one) for name, one in loaded.items()]
    built, broken = build_each("report", paths, build)
    return dg.Definitions.merge(
        *(definitions for _, definitions in built),
        build_broken_definitions("report", [*loaded.broken, *broken]),
    )


def asset_prefix(report: str) -> list[str]:
    """Key prefix of a report's assets: Dagster's names know no dash."""
    return [GROUP, report.replace("-", "_")]


def job_name(report: str) -> str:
    """The job that makes a report."""
    return f"report_{asset_prefix(report)[-1]}"


def partitions(definition: Definition) -> dg.TimeWindowPartitionsDefinition:
    """The report's periods in its zone, by their first day; the one under way included."""
    start = _first_period(definition).start
    midnight = datetime(start.year, start.month, start.day)  # noqa: DTZ001 (Dagster adds the zone)
    zone = definition.zone
    if definition.period is Grain.DAY:
        return dg.DailyPartitionsDefinition(midnight, timezone=zone, end_offset=1)
    if definition.period is Grain.WEEK:
        return dg.WeeklyPartitionsDefinition(midnight, timezone=zone, day_offset=1, end_offset=1)
    return dg.MonthlyPartitionsDefinition(midnight, timezone=zone, end_offset=1)


def build_report_assets(definition: Definition, check_keys: CheckKeys) -> list[dg.AssetsDefinition]:
    """The six assets of a report."""
    prefix = asset_prefix(definition.name)

    def key(part: str) -> dg.AssetKey:
        return dg.AssetKey([*prefix, part])

    common: dict[str, Any] = {
        "key_prefix": prefix,
        "group_name": GROUP,
        "owners": [definition.owner],
        "partitions_def": partitions(definition),
        "retry_policy": _RETRY,
        "tags": {"report": prefix[-1]},
        "pool": POOL,
    }

    def part(part_name: str, **more: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        decorate: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
            name=part_name, **common, **more
        )
        return decorate

    gold = [dg.AssetKey(table.split(".")) for table in definition.tables()]

    @part(
        "facts",
        deps=gold,
        kinds={"trino"},
        description=f"Every number of “{definition.title}”, read at pinned snapshots.",
    )
    def facts(context: dg.AssetExecutionContext, config: FactsConfig) -> dg.MaterializeResult[Any]:
        sheet = _maker(context, definition).facts(
            failed_checks=failed_checks(context, gold, check_keys()),
            reproduce=config.reproduce,
            progress=lambda kpi: context.log.info(f"reading {kpi}"),
        )
        return dg.MaterializeResult(
            metadata={
                "facts": len(sheet.facts),
                "gaps": sum(1 for fact in sheet.facts if fact.gap),
                **_columns(definition),
                "notices": _bullets(notice.message for notice in sheet.notices),
                "snapshots": dg.MetadataValue.json(sheet.snapshots),
                "data_until": sheet.data_until,
            }
        )

    @part(
        "context",
        deps=[key("facts")],
        description="Passages of the knowledge base about what the facts show.",
    )
    def passages(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        sheet = _maker(context, definition).context()
        return dg.MaterializeResult(
            metadata={
                "passages": len(sheet.passages),
                "found": _bullets(f"{one.title}: {one.heading}" for one in sheet.passages),
                "unread": _bullets(sheet.unread),
            }
        )

    @part(
        "narrative",
        deps=[key("facts"), key("context")],
        description="Paragraphs, each number of which the number guard has checked.",
    )
    def narrative(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        sheet = _maker(context, definition).narrative()
        return dg.MaterializeResult(
            metadata={
                "narrator": sheet.narrator,
                "tokens": sheet.tokens,
                "refusals": _bullets(sheet.refusals),
                "summary": dg.MetadataValue.md("\n\n".join(p.text for p in sheet.summary)),
            }
        )

    @part(
        "charts",
        deps=[key("facts")],
        kinds={"altair"},
        description="Charts, with titles that state their finding.",
    )
    def charts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        sheet = _maker(context, definition).charts()
        titles = _bullets(chart.title for chart in sheet.charts)
        return dg.MaterializeResult(metadata={"charts": len(sheet.charts), "titles": titles})

    @part(
        "document",
        deps=[key("facts"), key("context"), key("narrative"), key("charts")],
        kinds={"pdf"},
        description=f"“{definition.title}” as a page and a PDF.",
        check_specs=[
            dg.AssetCheckSpec(check, asset=key("document"), description=_CHECK_WORDS[check])
            for check in _CHECKS
        ],
    )
    def document(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        from reports.store import HTML

        maker = _maker(context, definition)
        report = maker.document()
        pdf = maker.pdf()
        made: dict[str, Any] = {}
        if pdf is None:
            report = maker.store.load(report.name, report.period)
            why = " ".join(one.message for one in report.notices if one.rule == "pdf")
            context.log.warning(why)
            made["pdf"] = f"left out. {why}"
        else:
            made["pdf"] = dg.MetadataValue.path(str(pdf))
            made["first_page"] = dg.MetadataValue.md(_preview(pdf.read_bytes()))
        yield dg.MaterializeResult(
            metadata={
                **made,
                "page": dg.MetadataValue.path(
                    str(maker.store.path(report.name, report.period, HTML))
                ),
                "portal": dg.MetadataValue.url(
                    report_url(maker.settings, report.name, report.period)
                ),
                "held": report.held or "no",
                "facts": len(report.facts),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=check,
                    passed=not found,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"found": _bullets(found)},
                )
                for check, found in check_document(report).items()
            ],
        )

    @part(
        "delivery",
        deps=[key("document")],
        description=f"Sent to {', '.join(definition.recipients) or 'nobody'}; once per recipient.",
        check_specs=[
            dg.AssetCheckSpec(
                "delivered",
                asset=key("delivery"),
                description="Every recipient has received the report.",
            )
        ],
    )
    def delivery(
        context: dg.AssetExecutionContext, config: DeliveryConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from reports.delivery.send import deliver, undelivered
        from reports.recipients import Recipient

        maker = _maker(context, definition)
        report = maker.store.load(definition.name, maker.period.key)
        outcomes = deliver(
            report,
            [Recipient.parse(address) for address in definition.recipients],
            maker.settings,
            resend=config.resend,
            dry_run=not config.send,
        )
        told = _bullets(f"{one.recipient}: {one.result} {one.detail}" for one in outcomes)
        missed = undelivered(report, outcomes)
        yield dg.MaterializeResult(
            metadata={"recipients": len(outcomes), "outcomes": told},
            check_results=[
                # A warning: the others have had it, and nothing waits for a delivery.
                dg.AssetCheckResult(
                    check_name="delivered",
                    passed=not missed,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"undelivered": _bullets(missed)},
                )
            ],
        )

    return [facts, passages, narrative, charts, document, delivery]


def _columns(definition: Definition) -> dict[str, Any]:
    """KPIs as the columns of the facts, each led back to columns of gold."""
    from reports.lineage import column_lineage

    behind = {
        kpi: [dg.TableColumnDep(dg.AssetKey(table.split(".")), column) for table, column in columns]
        for kpi, columns in column_lineage(definition).items()
    }
    shown = [dg.TableColumn(kpi.id, kpi.unit, kpi.label) for kpi in definition.kpis]
    return {
        "dagster/column_schema": dg.TableSchema(shown),
        "dagster/column_lineage": dg.TableColumnLineage(behind),
    }


_CHECK_WORDS = {
    "guard": "No sentence of the narrative was refused by the number guard.",
    "freshness": "The tables read reach the end of the period, and their checks passed.",
    "completeness": "No fact is a gap.",
}


def check_document(report: "Report") -> dict[str, list[str]]:
    """Check -> what was found, a sentence each."""
    by_rule: dict[str, list[str]] = {check: [] for check in _CHECKS}
    rules = {"guard": "guard", "narrator": "guard", "freshness": "freshness",
             "quality": "freshness", "gap": "completeness"}  # fmt: skip
    for notice in report.notices:
        # What nobody has sent yet is told on the page, and without a PDF the report is complete
        # all the same: neither fails a check.
        if notice.rule in rules:
            by_rule[rules[notice.rule]].append(notice.message)
    return by_rule


def failed_checks(
    context: dg.AssetExecutionContext,
    assets: list[dg.AssetKey],
    check_keys: Iterable[dg.AssetCheckKey],
) -> list[str]:
    """Checks of tables whose last execution failed as an error, as ``table: check``."""
    keys = [check for check in check_keys if check.asset_key in assets]
    failed = []
    for check in keys:
        # The newest that came to an end: one that only is planned says nothing.
        history = context.instance.event_log_storage.get_asset_check_execution_history(check, 5)
        ended = (one for one in history if one.status in _ENDED)
        last = next((one.event.dagster_event for one in ended if one.event), None)
        data = last.asset_check_evaluation_data if last else None
        if data and not data.passed and data.severity is dg.AssetCheckSeverity.ERROR:
            failed.append(f"{'.'.join(check.asset_key.path)}: {check.name}")
    return sorted(failed)


def latest_period(definition: Definition, now: datetime) -> Period:
    """The last period that is over in the report's zone."""
    return Period.latest(now, definition.period, definition.zone)


def _first_period(definition: Definition) -> Period:
    return Period.of(date.fromisoformat(definition.first_period), definition.period)


def _bullets(lines: Iterable[str]) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md("\n".join(f"- {line}" for line in lines) or "none")


def _maker(context: dg.AssetExecutionContext, definition: Definition) -> "Maker":
    from platform_assets.core.settings import get_settings
    from reports.make import Maker

    day = date.fromisoformat(context.partition_key[:10])
    return Maker(definition, Period.of(day, definition.period), get_settings())


def _preview(pdf: bytes) -> str:
    """The first page as a picture inside Markdown."""
    import base64

    from reports.preview import first_page

    return f"![first page](data:image/png;base64,{base64.b64encode(first_page(pdf)).decode()})"


def _job(definition: Definition) -> Any:
    selection = dg.AssetSelection.key_prefixes(asset_prefix(definition.name))
    return dg.define_asset_job(
        job_name(definition.name),
        selection,
        description=f"“{definition.title}” of one period, from facts to delivery.",
    )


def _schedule(definition: Definition, job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job_name(definition.name)}_schedule",
        job=job,
        cron_schedule=definition.schedule.cron,
        execution_timezone=definition.schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def when_over(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        period = latest_period(definition, context.scheduled_execution_time)
        if period < _first_period(definition):
            return dg.SkipReason(f"{period.key} is before the first period")
        return dg.RunRequest(run_key=period.key, partition_key=period.start.isoformat())

    return when_over
