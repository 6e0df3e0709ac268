"""Reading KPIs from Trino at pinned snapshots.

A KPI's SQL gives rows; every statement here wraps it: a value is an aggregate over those rows in
a period, and the rows behind a value are the same select without the aggregate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, execute
from reports.definition import Kpi, render_sql, tables_of
from reports.facts.model import Source
from reports.kpi_sql import DAY, time_column, with_days
from reports.periods import Grain, Period, midnight

PLACES = Decimal("0.000001")
"""Values are kept to six places: sums of doubles differ beyond, from run to run."""

_MISSING = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND")


@dataclass(frozen=True)
class Pins:
    """Snapshots that a report is read at.

    Attributes:
        snapshots: table -> Iceberg snapshot id.
        committed: table -> when that snapshot was committed (UTC).
        missing: tables that are not there, or empty of snapshots.
        never: tables that had no row in any snapshot that is kept.
    """

    snapshots: Mapping[str, int]
    committed: Mapping[str, datetime]
    missing: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def until(self) -> str:
        """The newest commit, ISO 8601 UTC; empty without tables."""
        return max((at.isoformat() for at in self.committed.values()), default="")


@dataclass(frozen=True)
class Cell:
    """A KPI in one period or day.

    Attributes:
        value: the aggregate; None where it has no value.
        days: days with rows.
    """

    value: Decimal | None
    days: int


def pin(settings: Settings, tables: Sequence[str], known: Mapping[str, int] | None = None) -> Pins:
    """Find the current snapshot of each table, or look up the ones given.

    Args:
        settings: where Trino is.
        tables: names like ``gold.retail.sales_per_hour``.
        known: snapshots to use again, to reproduce an earlier report.

    Raises:
        TrinoQueryError: a snapshot asked for has expired.
        TrinoUnreachableError: Trino does not answer.
    """
    snapshots, committed, missing, never = {}, {}, [], []
    for table in tables:
        catalog, schema, name = table.split(".")
        wanted = f"WHERE snapshot_id = {known[table]}" if known and table in known else ""
        try:
            rows = execute(
                settings,
                "SELECT snapshot_id, committed_at, most FROM (SELECT snapshot_id, committed_at, "  # noqa: S608 (names are checked)
                "max(TRY_CAST(element_at(summary, 'total-records') AS bigint)) OVER () AS most "
                f'FROM {catalog}.{schema}."{name}$snapshots") '
                f"{wanted} ORDER BY committed_at DESC LIMIT 1",
            ).rows
        except TrinoQueryError as error:
            if error.name not in _MISSING:
                raise
            rows = []
        if not rows and wanted:
            raise TrinoQueryError(
                f"{table}: snapshot {(known or {})[table]} has expired",
                "SNAPSHOT_EXPIRED",
                "make the report from the current tables instead",
            )
        if rows:
            snapshots[table] = int(rows[0][0])
            committed[table] = rows[0][1].astimezone(UTC)
            if rows[0][2] == 0:
                never.append(table)
        else:
            missing.append(table)
    return Pins(snapshots, committed, tuple(missing), tuple(never))


class KpiReader:
    """The statements of one KPI at pinned snapshots.

    Args:
        settings: where Trino is.
        kpi: the KPI.
        statement: the text of its SQL file.
        pins: the snapshots.
        zone: time zone of the report's days.
    """

    def __init__(
        self, settings: Settings, kpi: Kpi, statement: str, pins: Pins, zone: str = "UTC"
    ) -> None:
        self._settings, self._zone = settings, zone
        self._time = time_column(statement, zone)
        self.kpi = kpi
        self.tables = tuple(sorted(tables_of(statement)))
        self.missing = tuple(table for table in self.tables if table in pins.missing)
        self.never = any(table in pins.never for table in self.tables)
        self._pins = pins
        pinned = {
            table: f"{table} FOR VERSION AS OF {snapshot}"
            for table, snapshot in pins.snapshots.items()
        }
        self._rows = (
            "" if self.missing else with_days(render_sql(statement, pinned), statement, zone)
        )

    def source(self, period: Period, entity: str = "", *others: Period) -> Source:
        """Where the value of a period (and member) comes from."""
        where = self._where(entity, period, *others)
        return self._source(f"SELECT {self.kpi.value} AS value\n{self._from()}\n{where}", where)

    def computed(self, expression: str, a: Source, b: Source, rows_sql: str) -> Source:
        """The source of a fact that is computed from two; ``{a}`` and ``{b}`` stand for them."""
        sql = expression.format(a=f"(\n{a.sql}\n)", b=f"(\n{b.sql}\n)")
        return a.model_copy(update={"sql": f"SELECT {sql} AS value", "rows_sql": rows_sql})

    def ranked(self, periods: Sequence[Period]) -> Source:
        """The source of a period's rank (1 is the greatest); its period is the last given."""
        last = periods[-1]
        where = self._where("", *periods)
        truncated = _truncated(last.grain)
        inner = (
            f"SELECT {truncated} AS period, rank() OVER (ORDER BY {self.kpi.value} DESC) AS value\n"
            f"{self._from()}\n{where}\nGROUP BY {truncated}"
        )
        sql = f"SELECT value\nFROM (\n{inner}\n)\nWHERE period = DATE '{last.start}'"
        return self._source(sql, where)

    def daily(self, start: date, end: date) -> Source:
        """The source of a trend: the values by day that its slope is fitted to."""
        where = f"WHERE {self._between(start, end)}"
        sql = (
            f"SELECT day, {self.kpi.value} AS value\n{self._from()}\n{where}\n"
            "GROUP BY day ORDER BY day"
        )
        return self._source(sql, where)

    def series(self, grain: Grain, start: date, end: date) -> dict[date, Cell]:
        """First day of each period with rows from ``start`` to before ``end`` -> its cell."""
        return {row[0]: _cell(row[1], row[2]) for row in self._grouped(grain, start, end, "")}

    def members(self, period: Period) -> dict[str, Cell]:
        """Member of the KPI's breakdown -> its cell in a period."""
        if self.kpi.by is None:
            return {}
        rows = self._grouped(period.grain, period.start, period.end, f'"{self.kpi.by.column}"')
        return {str(row[3]): _cell(row[1], row[2]) for row in rows if row[3] is not None}

    def last_day(self) -> date | None:
        """The newest day of all its rows; reads the whole table."""
        found: date | None = self._run(f"SELECT max(day) {self._from()}")[0][0]
        return found

    def _grouped(self, grain: Grain, start: date, end: date, by: str) -> list[tuple[Any, ...]]:
        truncated = _truncated(grain)
        groups = f"{truncated}, {by}" if by else truncated
        return self._run(
            f"SELECT {truncated}, {self.kpi.value}, count(DISTINCT day){', ' + by if by else ''}\n"
            f"{self._from()}\nWHERE {self._between(start, end)}\nGROUP BY {groups}"
        )

    def _source(self, sql: str, where: str) -> Source:
        """A source whose rows are those of a condition."""
        return Source(
            sql=sql,
            snapshots={table: self._pins.snapshots[table] for table in self.tables},
            rows_sql=f"SELECT *\n{self._from()}\n{where}",
            assets=tuple(table.replace(".", "/") for table in self.tables),
        )

    def _from(self) -> str:
        return f"FROM (\n{self._rows}\n)"

    def _where(self, entity: str, *periods: Period) -> str:
        days = " OR ".join(f"({self._between(p.start, p.end)})" for p in sorted(set(periods)))
        where = f"WHERE ({days})" if len(periods) > 1 else f"WHERE {days[1:-1]}"
        if entity and self.kpi.by:
            quoted = entity.replace("'", "''")
            where += f" AND \"{self.kpi.by.column}\" = '{quoted}'"
        return where

    def _between(self, start: date, end: date) -> str:
        days = f"day >= DATE '{start}' AND day < DATE '{end}'"
        if self._time == DAY:
            return days
        # The day decides; the moments only spare Trino the files of other months, with a day to
        # spare for what two databases of time zones may disagree on.
        first, last = midnight(start, self._zone), midnight(end, self._zone)
        spare = timedelta(days=1)
        return (
            f'{days} AND "{self._time}" >= {_moment(first - spare)} '
            f'AND "{self._time}" < {_moment(last + spare)}'
        )

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        return execute(self._settings, sql).rows


def _truncated(grain: Grain) -> str:
    return f"CAST(date_trunc('{grain}', day) AS date)"


def _moment(at: datetime) -> str:
    return f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S} UTC'"


def _cell(value: Any, days: int) -> Cell:
    return Cell(to_decimal(value), int(days))


def to_decimal(value: Any) -> Decimal | None:
    """Trino's value as an exact number of at most six places; NaN and infinity are none."""
    if value is None:
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        return None
    return exact(number)


def exact(number: Decimal) -> Decimal:
    """A number to six places; all digits before the point are kept, however many."""
    return number.quantize(PLACES, context=_WIDE).normalize(_WIDE) + 0


_WIDE = Context(prec=400)
"""Trino's doubles reach 309 digits before the point."""
