"""Which columns of gold a KPI is made of, read from its SQL."""

from __future__ import annotations

from reports.definition import Definition, Kpi, render_sql
from reports.kpi_sql import time_column


def column_lineage(definition: Definition) -> dict[str, tuple[tuple[str, str], ...]]:
    """KPI id -> (gold table, column) that its value and its breakdown read, sorted.

    A KPI whose SQL leaves open which table a column is of (a join without prefixes) has none:
    lineage that is guessed would be worse than none.
    """
    return {
        kpi.id: _columns(kpi, definition.statements[kpi.id], definition.zone)
        for kpi in definition.kpis
    }


def _columns(kpi: Kpi, statement: str, zone: str) -> tuple[tuple[str, str], ...]:
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    outputs = [f"{kpi.value} as value", f'"{time_column(statement, zone)}" as moment']
    if kpi.by:
        outputs.append(f"{kpi.by.column} as member")
    sql = f"select {', '.join(outputs)} from (\n{render_sql(statement)}\n) as kpi_rows"  # noqa: S608 (parsed, not run)
    found: set[tuple[str, str]] = set()
    try:
        for output in outputs:
            name = output.rpartition(" ")[2]
            for node in lineage(name, sql, {}, dialect="trino").walk():
                if isinstance(node.expression, exp.Table):
                    table = ".".join(part.name for part in node.expression.parts)
                    found.add((table, node.name.rpartition(".")[2].strip('"')))
    except (SqlglotError, ValueError):
        return ()
    return tuple(sorted(found))
