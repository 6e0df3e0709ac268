"""An answer as one JSON document, for programs, the API and the portal."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from platform_assets.core.trino import Result
from reports.facts.model import Fact
from reports.questions.answer import Answer
from reports.wording import format_fact


def document(answer: Answer) -> dict[str, Any]:
    """The answer; of its keys ``sentences`` name the facts of each number, ``facts`` their SQL."""
    return {
        "outcome": "answered",
        "question": answer.question,
        "language": answer.language,
        "interpretation": answer.interpretation,
        "statement": answer.sql,
        "rows_statement": answer.rows_sql,
        **_table(answer.result),
        "units": dict(answer.units),
        "chart": answer.chart,
        "sentences": [
            {
                "text": sentence.text,
                "numbers": [
                    {"start": link.start, "end": link.end, "facts": list(link.facts)}
                    for link in sentence.links
                ],
            }
            for sentence in answer.sentences
        ],
        "facts": [_fact(fact, answer.language) for fact in answer.facts],
        "parts": [
            {"title": part.title, "statement": part.sql, **_table(part.result)}
            for part in answer.parts
        ],
        "notes": list(answer.notes),
        "refused_sentences": list(answer.refused),
    }


def _table(result: Result) -> dict[str, Any]:
    return {
        "columns": list(result.columns),
        "types": list(result.types),
        "rows": [[_plain(value) for value in row] for row in result.rows],
    }


def _fact(fact: Fact, language: str) -> dict[str, Any]:
    return {
        "id": fact.id,
        "label": fact.label,
        "entity": fact.entity,
        "value": None if fact.value is None else str(fact.value),
        "unit": fact.unit,
        "shown": format_fact(fact, language),
        "sql": fact.source.sql if fact.source else "",
        "rows_sql": fact.source.rows_sql if fact.source else "",
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
