"""The answer to a query: its rows, the facts in them, and sentences that the guard let pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from platform_assets.core.trino import Result
from reports.facts.analysis import derive
from reports.facts.model import Derivation, Fact, Kind, Source
from reports.facts.query import to_decimal
from reports.questions.query import MOST_ROWS, Query, rows_statement, statement, value_statement
from reports.questions.sentences import Sentence, interpretation, told
from reports.questions.windows import Clock, Window
from reports.semantics.model import Layer, Metric

Run = Callable[[str], Result]
"""Runs one SELECT as the asker."""

CONTRIBUTIONS = 5
"""Members that an explanation names."""


@dataclass(frozen=True)
class Part:
    """A second table of an answer: what each member adds to a change.

    Attributes:
        title: of what.
        sql: its statement.
        result: its rows.
    """

    title: str
    sql: str
    result: Result


@dataclass(frozen=True)
class Answer:
    """What is shown of a question.

    Attributes:
        question: as it was asked.
        language: of the question: ``en`` or ``de``.
        interpretation: what it was read as.
        sql: the statement.
        result: its rows.
        rows_sql: a select of the rows behind them.
        facts: every number that the sentences state, with its SQL and its rows.
        sentences: prose that passed the number guard.
        refused: sentences that did not, with the guard's words; none is shown as an answer.
        parts: contributions, for a question that asks why.
        units: column of the result -> its unit.
        chart: column of the result that is worth a chart; empty where none is.
        notes: what a reader must know.
        query: what was understood; None for SQL of a model.
    """

    question: str
    language: str
    interpretation: str
    sql: str
    result: Result
    rows_sql: str
    facts: tuple[Fact, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    refused: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    chart: str = ""
    notes: tuple[str, ...] = ()
    query: Query | None = None


def answer(
    question: str, language: str, query: Query, layer: Layer, clock: Clock, run: Run
) -> Answer:
    """Run a query and tell of its rows.

    Raises:
        TrinoQueryError: Trino refuses the statement.
        TrinoUnreachableError: Trino does not answer.
    """
    sql = statement(query, clock)
    result = run(sql)
    maker = _Facts(query, language)
    parts: list[Part] = []
    if query.listing is not None:
        facts = maker.listed(sql, result)
    elif query.mean:
        facts = []  # a mean is the number of no one period, which a sentence would name
    elif query.by or query.grain:
        facts = maker.grouped(result)
    else:
        facts = maker.whole(result)
        if query.why:
            found, parts = _explained(query, layer, clock, run, facts, maker)
            facts += found
    sentences, refused = told(query, facts, language)
    return Answer(
        question=question,
        language=language,
        interpretation=interpretation(query, language),
        sql=sql,
        result=result,
        rows_sql=rows_statement(query),
        facts=tuple(facts),
        sentences=sentences,
        refused=refused,
        parts=tuple(parts),
        units=_units(query),
        chart=_chart(query, result),
        notes=_notes(query, clock, language, result),
        query=query,
    )


class _Facts:
    """Makes facts of an answer's rows; each with the SQL of its number and of its rows."""

    def __init__(self, query: Query, language: str) -> None:
        self._query, self.language = query, language

    def whole(self, result: Result) -> list[Fact]:
        """Of an answer of one row: the values, those compared with, and the changes."""
        if not result.rows:
            return []
        row = dict(zip(result.columns, result.rows[0], strict=True))
        facts = []
        for metric in self._query.metrics:
            value = to_decimal(row[metric.name])
            now = self.value(metric, metric.name, value, self._query.window, {})
            facts.append(now)
            if self._query.other is not None:
                earlier = to_decimal(row[f"{metric.name}_earlier"])
                facts += self.compared(metric, now, earlier, {})
        return facts

    def grouped(self, result: Result) -> list[Fact]:
        """Of the first rows of an answer by member: each member's value and change."""
        if self._query.grain:
            return []
        facts = []
        metric = self._query.metrics[0]
        for values in result.rows[:CONTRIBUTIONS]:
            row = dict(zip(result.columns, values, strict=True))
            if any(row[column] is None for column in self._query.by):
                continue
            members = {column: str(row[column]) for column in self._query.by}
            name = f"{metric.name}.{'.'.join(members.values())}"
            fact = self.value(
                metric, name, to_decimal(row[metric.name]), self._query.window, members
            )
            facts.append(fact)
            if self._query.other is not None:
                earlier = to_decimal(row[f"{metric.name}_earlier"])
                facts += self.compared(metric, fact, earlier, members)
        return facts

    def listed(self, sql: str, result: Result) -> list[Fact]:
        """How many members are listed."""
        listing = self._query.listing
        assert listing is not None  # noqa: S101 (the caller looked)
        count = int(result.rows[0][0]) if self._query.count else len(result.rows)
        inner = sql if self._query.count else f"SELECT count(*) AS value FROM (\n{sql}\n)"  # noqa: S608 (Weir wrote it)
        label = listing.labels.get(self.language, listing.label)
        source = Source(sql=inner, snapshots={}, rows_sql=sql, assets=_assets(self._query))
        fact = Fact(
            id=listing.name, kpi=listing.name, label=label, kind=Kind.VALUE,
            value=Decimal(count), unit="", period="", source=source,
        )  # fmt: skip
        return [fact] if self._query.count or len(result.rows) < MOST_ROWS else []

    def value(
        self,
        metric: Metric,
        name: str,
        value: Decimal | None,
        window: Window | None,
        members: Mapping[str, str],
    ) -> Fact:
        """A value of a metric in a period, of a member or of the whole."""
        sql, rows = value_statement(self._query, metric, window, members)
        return Fact(
            id=name,
            kpi=metric.name,
            label=metric.named(self.language),
            kind=Kind.VALUE,
            value=value,
            unit=metric.unit,
            decimals=metric.decimals,
            period=window.key if window else "",
            entity=", ".join(members.values()),
            good=metric.good,
            source=Source(sql=sql, snapshots={}, rows_sql=rows, assets=_assets(self._query)),
            gap="" if value is not None else "no rows",
        )

    def compared(
        self, metric: Metric, now: Fact, value: Decimal | None, members: Mapping[str, str]
    ) -> list[Fact]:
        """The value then, the difference, and the growth where a ratio has a meaning."""
        earlier = self.value(metric, f"{now.id}.earlier", value, self._query.other, members)
        facts = [earlier]
        for op, kind in (("difference", Kind.DIFFERENCE), ("growth", Kind.GROWTH)):
            change = derive(op, now.value, earlier.value)
            if change is None or (op == "growth" and metric.unit == "%"):
                continue
            points = op == "difference" and metric.unit == "%"
            facts.append(
                now.model_copy(
                    update={
                        "id": f"{now.id}.{op}",
                        "kind": kind,
                        "value": change,
                        "unit": "%" if op == "growth" else "pp" if points else metric.unit,
                        "decimals": 1 if op == "growth" or points else metric.decimals,
                        "compared_to": earlier.period,
                        "derivation": Derivation(op=op, of=(now.id, earlier.id)),  # type: ignore[arg-type]
                    }
                )
            )
        return facts


def _explained(
    query: Query, layer: Layer, clock: Clock, run: Run, facts: Sequence[Fact], maker: _Facts
) -> tuple[list[Fact], list[Part]]:
    """What each member of each dimension adds to the change of the whole."""
    metric = query.metrics[0]
    if not metric.additive:
        return [], []
    by = layer.metrics[metric.explained_by] if metric.explained_by else metric
    same = {column for column in query.only if column in by.model.dimensions}
    if set(query.only) - same or set(query.without) - set(by.model.dimensions):
        return [], []
    whole = next((fact for fact in facts if fact.kind is Kind.DIFFERENCE), None)
    found: list[Fact] = []
    parts: list[Part] = []
    for dimension in by.model.dimensions.values():
        if dimension.column in query.only and len(query.only[dimension.column]) == 1:
            continue
        one = replace(query.of(by, (dimension.column,)), direction="up", top=2 * CONTRIBUTIONS)
        sql = statement(one, clock)
        result = run(sql)
        parts.append(Part(f"{by.label}, by {dimension.label}", sql, result))
        if whole is None or not whole.value or found:
            continue
        inner = _Facts(one, maker.language)
        for values in result.rows[:CONTRIBUTIONS]:
            row = dict(zip(result.columns, values, strict=True))
            member = str(row[dimension.column])
            change = to_decimal(row[f"{by.name}_change"])
            if row[dimension.column] is None or not change:
                continue
            name = f"{by.name}.{dimension.column}.{member}"
            now = inner.value(
                by, name, to_decimal(row[by.name]), query.window, {dimension.column: member}
            )
            made = inner.compared(
                by, now, to_decimal(row[f"{by.name}_earlier"]), {dimension.column: member}
            )
            found += [
                fact.model_copy(update={"kind": Kind.CONTRIBUTION})
                if fact.kind is Kind.DIFFERENCE
                else fact
                for fact in (now, *made)
            ]
    return found, parts


def _assets(query: Query) -> tuple[str, ...]:
    return (query.model.table.replace(".", "/"),)


def _units(query: Query) -> dict[str, str]:
    units = {}
    for metric in query.metrics:
        for suffix in ("", "_earlier"):
            units[f"{metric.name}{suffix}"] = metric.unit
        units[f"{metric.name}_change"] = "pp" if metric.unit == "%" else metric.unit
    return units


def _chart(query: Query, result: Result) -> str:
    """The column that bars help to read: members or times of one metric."""
    if query.listing or query.mean or not (query.by or query.grain) or len(result.rows) < 2:
        return ""
    return query.metrics[0].name


def _notes(query: Query, clock: Clock, language: str, result: Result) -> tuple[str, ...]:
    german = language == "de"
    notes = []
    if query.model.note:
        notes.append(query.model.note.get(language, query.model.note.get("en", "")))
    if query.window and query.window.start <= clock.now < query.window.end and query.window.unit:
        notes.append(
            "der Zeitraum ist noch nicht zu Ende" if german else "the period is not over yet"
        )
    limit = query.top or MOST_ROWS
    if not query.top and len(result.rows) == limit:
        notes.append(f"nur die ersten {limit} Zeilen" if german else f"only the first {limit} rows")
    empty = not result.rows or all(value is None for value in result.rows[0])
    if empty:
        notes.append("dazu gibt es keine Zeilen" if german else "there are no rows of that")
    return tuple(note for note in notes if note)
