"""Definitions of reports: one YAML a report, one SQL file a KPI."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from platform_assets.core.broken import Loaded, load_each
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import OWNER_RULE, is_owner
from platform_assets.core.yaml_lines import Document, read
from reports.cron import check_cron
from reports.kpi_sql import check_rows, check_value, render_sql, tables_of, time_column
from reports.periods import Grain
from reports.recipients import Recipient, RecipientError

__all__ = [
    "DEFINITIONS",
    "Definition",
    "DefinitionError",
    "Kpi",
    "load_definition",
    "load_definitions",
    "render_sql",
    "tables_of",
]

ROOM = Path(__file__).resolve().parent
DEFINITIONS = ROOM / "definitions"
HEADLINE = 5
"""Figures on a cover."""
MODELS = "models"
"""What the portal grants to readers of the models' pages, as it grants reports by name."""
LIVE = "live"
"""The same for readers of the live page."""
QUESTIONS = "questions"
"""The same for those who ask in words."""
ALERTS = "alerts"
"""The same for those who look after alerts."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2100
"""Periods outside are a slip of the pen, and overflow Dagster's partitions."""
_LANGUAGES = ("en", "de", "ja", "ar")
"""Those that the template writes and a page has labels in."""
_SLUG = r"^[a-z][a-z0-9_]*$"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NO_ZONES = frozenset({"Factory", "localtime"})
"""In the database of zones, but of no place; Trino knows neither."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Policy = Literal["notice", "hold"]

_UNIT_HINT = "the contract of the topic says the unit: leave `unit` out, or state that one"


class DefinitionError(WeirError):
    """A definition is wrong; the message names file, line and what was expected."""


class _Strict(BaseModel):
    # A target of NaN is reached by nothing and breaks the report's JSON.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Breakdown(_Strict):
    """By what a KPI is broken down, and how many members are named.

    Attributes:
        column: a column of the KPI's rows.
        label: plural noun for its members, e.g. ``countries``.
        top: members that become facts.
    """

    column: str = Field(pattern=_SLUG)
    label: str
    top: int = Field(default=5, ge=1, le=20, strict=True)


class Kpi(_Strict):
    """A measured quantity.

    Attributes:
        id: unique in the report.
        label: what it measures, in the report's language.
        sql: a file below ``kpis/`` (or beside the definition): a select of the rows, with a
            column ``at`` (moment), ``hour`` or, for reports in UTC, ``day`` (date); tables are
            written ``{{ table('gold.domain.name') }}``.
        value: an aggregate over those rows, e.g. ``sum(net_sales)``.
        unit: ``%``, or a plural noun of what is counted. Of currencies, ``kWh`` and the like it
            is the contract's, and may be left out.
        decimals: digits after the point when shown.
        good: the direction that is good.
        compare: periods to compare with.
        target: what the period should reach, in ``unit``.
        by: the breakdown that explains its changes; only sums and counts can be explained so.
        quiet_days: weekdays on which no rows are expected.
    """

    id: str = Field(pattern=_SLUG)
    label: str = Field(min_length=1)
    sql: str = Field(pattern=r"^[a-z0-9_/]+\.sql$")
    value: str = Field(min_length=1)
    unit: str = ""
    decimals: int = Field(default=0, ge=0, le=6, strict=True)
    good: Literal["up", "down", "none"] = "none"
    compare: tuple[Literal["previous", "year_before"], ...] = ("previous",)
    # `strict`: YAML's `yes` is no number.
    target: float | None = Field(default=None, strict=True)
    by: Breakdown | None = None
    quiet_days: tuple[Weekday, ...] = ()

    @field_validator("value")
    @classmethod
    def _is_aggregate(cls, value: str) -> str:
        check_value(value)
        return value

    @model_validator(mode="after")
    def _explained_by_sums(self) -> Kpi:
        if self.by and not self.value.lstrip().startswith(("sum(", "count(*)")):
            raise ValueError("`by` needs a value that adds up: sum(…) or count(*)")
        return self

    @property
    def quiet(self) -> frozenset[int]:
        """Quiet weekdays as numbers, Monday 0."""
        return frozenset(_WEEKDAYS.index(day) for day in self.quiet_days)


class ChartDefinition(_Strict):
    """A chart of a KPI.

    Attributes:
        kind: ``trend`` (the last periods), ``ranking`` (members by value) or ``contributions``
            (what each member adds to the change).
        periods: how many periods a trend shows.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    kind: Literal["trend", "ranking", "contributions"]
    kpi: str
    periods: int = Field(default=12, ge=3, le=60, strict=True)


class SectionDefinition(_Strict):
    """A heading, the KPIs it speaks of, and its charts."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    heading: str
    kpis: tuple[str, ...] = Field(min_length=1)
    charts: tuple[str, ...] = ()


class Schedule(_Strict):
    """When a report is made, and by whose clock its periods begin and end."""

    cron: str
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        check_cron(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value not in available_timezones() - _NO_ZONES:
            raise ValueError("expected an IANA time zone, e.g. Europe/London")
        return value


class Definition(_Strict):
    """A report, as its YAML says.

    Attributes:
        name: the file's name without its suffix.
        first_period: a day in the first period that may be made.
        headline: KPIs for the cover, by preference; the first five with a value are shown.
        language: BCP 47; its region decides how dates and numbers are written.
        appendix: whether facts and statements are printed at the end, or behind the links only.
        late: what a report does whose tables do not reach its period's end: say so, or be held.
        failed_checks: the same for failed checks of its tables.
        statements: KPI id -> the text of its SQL file; filled in on reading.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    audience: str
    owner: str
    language: str = "en"
    tone: str = "plain"
    schedule: Schedule
    period: Grain
    first_period: str = Field(default="2010-12-01", pattern=r"^\d{4}-\d\d-\d\d$")
    kpis: tuple[Kpi, ...] = Field(min_length=1)
    headline: tuple[str, ...] = Field(min_length=1)
    charts: tuple[ChartDefinition, ...] = ()
    sections: tuple[SectionDefinition, ...] = Field(min_length=1)
    knowledge: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    appendix: Literal["links", "full"] = "links"
    late: Policy = "notice"
    failed_checks: Policy = "notice"
    statements: dict[str, str] = Field(default_factory=dict, exclude=True)

    @field_validator("language")
    @classmethod
    def _is_written(cls, value: str) -> str:
        # Babel: the graph is loaded without it where every report is in a language as it stands.
        from reports.language import LanguageError, locale_of

        try:
            known = locale_of(value).language in _LANGUAGES
        except LanguageError:
            known = False
        if not known:
            raise ValueError(f"expected {', '.join(_LANGUAGES)}, or one with a region as en-GB")
        return value

    @field_validator("owner")
    @classmethod
    def _is_owner(cls, value: str) -> str:
        if not is_owner(value):
            raise ValueError(OWNER_RULE)
        return value

    @field_validator("recipients")
    @classmethod
    def _are_recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                Recipient.parse(address)
            except RecipientError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("first_period")
    @classmethod
    def _is_day(cls, value: str) -> str:
        # The pattern is checked first, the calendar here: 2010-02-30 is of the right form.
        if not _FIRST_YEAR <= date.fromisoformat(value).year <= _LAST_YEAR:
            raise ValueError(f"expected a day between {_FIRST_YEAR} and {_LAST_YEAR}")
        return value

    @field_validator("name")
    @classmethod
    def _is_not_taken(cls, value: str) -> str:
        if value in (MODELS, LIVE, QUESTIONS, ALERTS):
            raise ValueError(f"{value!r} is the portal's word for pages of its own")
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> Definition:
        kpis, charts = [kpi.id for kpi in self.kpis], [chart.id for chart in self.charts]
        uses = {
            "headline": (self.headline, kpis),
            "charts' kpi": ([chart.kpi for chart in self.charts], kpis),
            "sections' kpis": ([k for section in self.sections for k in section.kpis], kpis),
            "sections' charts": ([c for section in self.sections for c in section.charts], charts),
        }
        for where, (used, known) in uses.items():
            for name in used:
                if name not in known:
                    raise ValueError(f"{where}: no {name!r}; known: {', '.join(known)}")
        for names in (kpis, charts, [section.id for section in self.sections]):
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{', '.join(sorted(twice))} is listed twice")
        for chart in self.charts:
            if chart.kind != "trend" and self.kpi(chart.kpi).by is None:
                raise ValueError(f"chart {chart.id!r} is by member, but {chart.kpi!r} has no `by`")
        return self

    @property
    def zone(self) -> str:
        """The time zone of its days."""
        return self.schedule.timezone

    def kpi(self, name: str) -> Kpi:
        """The KPI of that id (definitions are checked: it is there)."""
        return next(kpi for kpi in self.kpis if kpi.id == name)

    def tables(self) -> tuple[str, ...]:
        """Gold tables that its KPIs read, sorted."""
        found: set[str] = set()
        for kpi in self.kpis:
            found.update(tables_of(self.statements[kpi.id]))
        return tuple(sorted(found))


def load_definitions(folder: Path | None = None) -> Loaded[str, Definition]:
    """Every definition of a folder that can be used, by name.

    One that cannot be used stops no other: it is in ``broken``, and asking for it by its name
    raises its error.
    """
    paths = sorted((folder or DEFINITIONS).glob("*.yaml"))
    return load_each("report", paths, lambda path: (path.stem, load_definition(path)))


def load_definition(path: Path) -> Definition:
    """Read one definition.

    Raises:
        DefinitionError: it is not YAML, breaks a rule, or its SQL is missing or malformed.
    """
    document = read(path, DefinitionError, malformed="no YAML")
    if not isinstance(document.data, dict):
        raise DefinitionError(f"{path}:1: expected a mapping with title, kpis, sections …")
    try:
        definition = Definition.model_validate({**document.data, "name": path.stem})
    except ValidationError as error:
        lines = [_explain(document, one) for one in error.errors()]
        raise DefinitionError("\n".join(lines)) from error
    statements = _statements(document, definition)
    kpis = tuple(
        _measured(document, number, kpi, statements[kpi.id])
        for number, kpi in enumerate(definition.kpis)
    )
    return definition.model_copy(update={"statements": statements, "kpis": kpis})


def _measured(document: Document, number: int, kpi: Kpi, statement: str) -> Kpi:
    """The KPI with the unit of its columns."""
    from platform_assets.gold.units import UnitError
    from reports.kpi_units import check_columns

    try:
        unit = check_columns(statement, kpi.value, kpi.by.column if kpi.by else "", kpi.unit)
    except ValueError as error:
        place = ("kpis", number, "unit" if kpi.unit else "value")
        raise DefinitionError(
            f"{document.where(place)}: kpi {kpi.id}: {kpi.value}: {error}",
            _UNIT_HINT if isinstance(error, UnitError) else "",
        ) from error
    return kpi.model_copy(update={"unit": unit})


def _statements(document: Document, definition: Definition) -> dict[str, str]:
    path = document.path
    statements = {}
    for number, kpi in enumerate(definition.kpis):
        where = document.where(("kpis", number, "sql"))
        file = _sql_file(path.stem, kpi.sql, path.parent)
        if not file.is_file():
            raise DefinitionError(f"{where}: no file {file}, expected the rows of {kpi.id}")
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{where}: {file}: cannot be read: {error}") from error
        try:
            found = tables_of(text)
        except ValueError as error:
            raise DefinitionError(f"{where}: {file.name}: {error}") from error
        if not found:
            raise DefinitionError(
                f"{where}: {file.name} reads no table, expected {{{{ table('gold.domain.name') }}}}"
            )
        try:
            check_rows(text, [kpi.by.column] if kpi.by else [])
            time_column(text, definition.zone)
        except ValueError as error:
            raise DefinitionError(f"{where}: {file.name}: {error}") from error
        statements[kpi.id] = text
    return statements


def _sql_file(name: str, sql: str, folder: Path) -> Path:
    beside = folder / name / sql
    return beside if beside.is_file() else folder.parent / "kpis" / sql


def _explain(document: Document, error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{document.where(error['loc'])}: {f'{place}: ' if place else ''}{message}"
