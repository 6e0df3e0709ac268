"""A question as the grammar understood it, and its SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from reports.kpi_sql import DAY, render_sql
from reports.periods import midnight
from reports.questions.windows import Clock, Window
from reports.semantics.model import Listing, Metric, SemanticModel

MOST_ROWS = 1000
"""Rows of an answer; it says where there are more."""

Comparison = Literal["", "before", "weekday", "year", "window"]
Direction = Literal["", "up", "down"]


@dataclass(frozen=True)
class Having:
    """A bound on a metric's value: ``>``, ``>=``, ``<`` or ``<=`` a number."""

    op: str
    number: Decimal


@dataclass(frozen=True)
class Query:
    """What is asked for.

    Attributes:
        metrics: of one semantic model.
        window: the period; None: all there is.
        by: columns to group by.
        grain: hours, days, weeks or months to group by; empty: none.
        only: column -> members that count.
        without: column -> members that do not.
        other: the period compared with.
        comparison: what that is: the one before, that day a week before, a year before, or
            one that was named.
        top: rows wanted; 0: all.
        order: ``desc``, ``asc``, or empty: by name, or largest first.
        having: a bound on the first metric.
        mean: the mean of the grain's values, not each of them.
        by_change: the order is that of the changes, not of the values.
        why: contributions to the change are wanted.
        direction: the direction that the question takes for granted.
        listing: members in a state instead of metrics.
        days: of the listing.
        count: how many members, not which.
    """

    metrics: tuple[Metric, ...] = ()
    window: Window | None = None
    by: tuple[str, ...] = ()
    grain: str = ""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    other: Window | None = None
    comparison: Comparison = ""
    top: int = 0
    order: Literal["", "desc", "asc"] = ""
    having: Having | None = None
    mean: bool = False
    by_change: bool = False
    why: bool = False
    direction: Direction = ""
    listing: Listing | None = None
    listed: SemanticModel | None = None
    days: int = 0
    count: bool = False

    @property
    def model(self) -> SemanticModel:
        """Where its rows are."""
        if self.listed is not None:
            return self.listed
        return self.metrics[0].model

    def of(self, metric: Metric, by: tuple[str, ...] = ()) -> Query:
        """The same question of one metric, by other columns."""
        return replace(self, metrics=(metric,), by=by, grain="", why=False)


def statement(query: Query, clock: Clock) -> str:
    """The one SELECT that answers a question; it runs as it stands."""
    if query.listing is not None:
        return _listing(query, clock)
    if query.other is not None:
        return _compared(query, clock)
    if query.mean:
        return _meant(query, clock)
    keys = _keys(query, clock)
    values = [f'{metric.value} AS "{metric.name}"' for metric in query.metrics]
    columns = ",\n  ".join([*(f'{sql} AS "{name}"' for name, sql in keys), *values])
    text = f"SELECT\n  {columns}\n{_from(query.model)}"
    text += _where(query, query.window)
    if keys:
        text += f"\nGROUP BY {', '.join(str(n) for n in range(1, len(keys) + 1))}"
    if query.having:
        text += f"\nHAVING {query.metrics[0].value} {query.having.op} {query.having.number}"
    return text + _ordered(query, len(keys), len(keys) + 1)


def rows_statement(query: Query) -> str:
    """The rows behind an answer, those of the period compared with too."""
    windows = [query.window, query.other] if query.other else [query.window]
    return f"SELECT *\n{_from(query.model)}{_where(query, *windows)}"


def value_statement(
    query: Query, metric: Metric, window: Window | None, members: Mapping[str, str]
) -> tuple[str, str]:
    """The SQL of one number, and of the rows behind it.

    Args:
        query: the question.
        metric: whose value it is.
        window: in which period.
        members: column -> member, where it is of one.
    """
    one = replace(
        query, only={**query.only, **{column: (name,) for column, name in members.items()}}
    )
    where = _where(one, window)
    source = _from(query.model)
    return f"SELECT {metric.value} AS value\n{source}{where}", f"SELECT *\n{source}{where}"


def _meant(query: Query, clock: Clock) -> str:
    """The mean of the values of each hour, day, week or month that has rows."""
    keys = _keys(query, clock)
    metric = query.metrics[0]
    columns = ", ".join(
        [*(f'{sql} AS "{name}"' for name, sql in keys), f'{metric.value} AS "{metric.name}"']
    )
    groups = ", ".join(str(number) for number in range(1, len(keys) + 1))
    source = _from(query.model) + _where(query, query.window)
    names = ", ".join(f'"{name}"' for name, _ in keys[1:])
    shown = f"{names}, " if names else ""
    text = (
        f'SELECT\n  {shown}avg(CAST("{metric.name}" AS double)) AS "{metric.name}"\n'
        f"FROM (\nSELECT {columns}\n{source}\nGROUP BY {groups}\n)"
    )
    if names:
        text += f"\nGROUP BY {names}"
        text += _ordered(replace(query, grain=""), len(keys) - 1, len(keys))
    return text


def _compared(query: Query, clock: Clock) -> str:
    keys = _keys(replace(query, grain=""), clock)
    parts = []
    for name, window in (("now", query.window), ("earlier", query.other)):
        values = [f'{metric.value} AS "{metric.name}"' for metric in query.metrics]
        columns = ", ".join([*(f'{sql} AS "{key}"' for key, sql in keys), *values])
        group = f"\n  GROUP BY {', '.join(str(n + 1) for n in range(len(keys)))}" if keys else ""
        source = _from(query.model) + _where(query, window)
        parts.append(f"{name} AS (\n  SELECT {columns}\n{source}{group}\n)")
    names = [name for name, _ in keys]
    shown = [f'coalesce(now."{name}", earlier."{name}") AS "{name}"' for name in names]
    for metric in query.metrics:
        now, earlier = f'now."{metric.name}"', f'earlier."{metric.name}"'
        if names and metric.additive:
            # A member without rows adds nothing to a sum.
            now, earlier = f"coalesce({now}, 0)", f"coalesce({earlier}, 0)"
        shown += [
            f'{now} AS "{metric.name}"',
            f'{earlier} AS "{metric.name}_earlier"',
            f'{now} - {earlier} AS "{metric.name}_change"',
        ]
    on = " AND ".join(f'now."{name}" IS NOT DISTINCT FROM earlier."{name}"' for name in names)
    join = f"FULL JOIN earlier ON {on}" if names else "CROSS JOIN earlier"
    columns = ",\n  ".join(shown)
    text = f"WITH {', '.join(parts)}\nSELECT\n  {columns}\nFROM now {join}"
    if query.having:
        metric = query.metrics[0]
        text += f'\nWHERE now."{metric.name}" {query.having.op} {query.having.number}'
    if names and query.by_change:
        text += _ordered(replace(query, grain=""), len(names), len(names) + 3)
    elif names and (query.why or query.direction):
        text += f'\nORDER BY abs("{query.metrics[0].name}_change") DESC NULLS LAST, 1'
        text += f"\nLIMIT {query.top or MOST_ROWS}"
    else:
        text += _ordered(replace(query, grain=""), len(names), len(names) + 1)
    return text


def _listing(query: Query, clock: Clock) -> str:
    listing = query.listing
    assert listing is not None  # noqa: S101 (the caller looked)
    until = midnight(clock.today - timedelta(days=query.days), clock.zone)
    last = f'max("{listing.last}")'
    zone = clock.zone
    days = f"date_diff('day', CAST({last} AT TIME ZONE '{zone}' AS date), DATE '{clock.today}')"
    inner = (
        f'SELECT\n  "{listing.key}",\n  {last} AS last_seen,\n  {days} AS days\n'
        f"{_from(query.model)}\nGROUP BY 1\nHAVING {last} < {_moment(until)}"
    )
    if query.count:
        return f'SELECT count(*) AS "{listing.name}"\nFROM (\n{inner}\n)'
    return f"{inner}\nORDER BY 2, 1\nLIMIT {query.top or MOST_ROWS}"


def _from(model: SemanticModel) -> str:
    return f"FROM (\n{render_sql(model.statement)}\n) AS source_rows"


def _keys(query: Query, clock: Clock) -> list[tuple[str, str]]:
    """Names and SQL of what is grouped by."""
    keys = [(column, f'"{column}"') for column in query.by]
    if query.grain:
        time = query.model.time
        if time == DAY:
            sql = f"CAST(date_trunc('{query.grain}', \"{DAY}\") AS date)"
        elif query.grain == "hour":
            sql = f"date_trunc('hour', \"{time}\")"
        else:
            local = f"\"{time}\" AT TIME ZONE '{clock.zone}'"
            sql = f"CAST(date_trunc('{query.grain}', {local}) AS date)"
        keys.insert(0, (query.grain, sql))
    return keys


def _where(query: Query, *windows: Window | None) -> str:
    conditions = []
    bounds = [_between(query.model, window) for window in windows if window is not None]
    if len(bounds) > 1:
        conditions.append("(" + " OR ".join(f"({bound})" for bound in bounds) + ")")
    else:
        conditions += bounds
    for op, members in (("IN", query.only), ("NOT IN", query.without)):
        conditions += [_in(query.model, column, names, op) for column, names in members.items()]
    return f"\nWHERE {' AND '.join(conditions)}" if conditions else ""


def _between(model: SemanticModel, window: Window) -> str:
    if model.time == DAY:
        return f"\"{DAY}\" >= DATE '{window.first}' AND \"{DAY}\" < DATE '{window.after}'"
    return f'"{model.time}" >= {_moment(window.start)} AND "{model.time}" < {_moment(window.end)}'


def _moment(at: object) -> str:
    return f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S} UTC'"


def _in(model: SemanticModel, column: str, names: tuple[str, ...], op: str) -> str:
    numbers = model.dimensions[column].member == "{}" and all(name.isdigit() for name in names)
    quoted = ", ".join(name if numbers else "'" + name.replace("'", "''") + "'" for name in names)
    return f'"{column}" {op} ({quoted})'


def _ordered(query: Query, keys: int, value: int) -> str:
    """Time in order, members with the largest first, where the question asks for nothing else.

    The first of an order are taken with those that have the same value as the last of them.
    """
    if not keys:
        return ""
    names = ", ".join(str(number) for number in range(1, keys + 1))
    order = (query.order or "desc").upper()
    if query.top:
        return f"\nORDER BY {value} {order} NULLS LAST\nFETCH FIRST {query.top} ROWS WITH TIES"
    if query.grain and not query.order:
        return f"\nORDER BY {names}\nLIMIT {MOST_ROWS}"
    return f"\nORDER BY {value} {order} NULLS LAST, {names}\nLIMIT {MOST_ROWS}"
