"""The results of the stream over history, and what only a batch has time for: a day at a time.

The same functions on the same rows: what the processor writes of a record to the log is what this
writes of its row of silver. So a text that came before the processor did, or that a former version
of the functions read, has a result of the functions in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines import derived
from platform_assets.processors.model import Definition, Input, StudyFunctions, TextFunctions
from platform_assets.processors.silver import open_silver
from platform_assets.processors.transform import result_columns, result_id, texts
from platform_assets.processors.understand import Text, Understood, Unreadable, understand_each

AT_ONCE = 500
"""Texts that the functions read together."""


@dataclass(frozen=True)
class Enriched:
    """What was made of a day.

    Attributes:
        day: UTC date of the event time.
        rows: texts with a result.
        unreadable: texts that the functions refuse: in the stream they are dead letters.
        version: of the derived table afterwards.
    """

    day: date
    rows: int
    unreadable: int
    version: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A text of silver and the event that it is of."""

    topic: str
    event_id: str
    at: datetime
    text: Text


def enrich_day(
    settings: Settings,
    definition: Definition,
    functions: TextFunctions,
    studies: StudyFunctions,
    contracts: Mapping[TopicName, Contract],
    table: Contract,
    day: date,
) -> Enriched:
    """Read a day's texts of every input and replace exactly that day's rows.

    Args:
        settings: where the lake is.
        definition: the processor.
        functions: those of the stream.
        studies: those of the batch alone.
        contracts: of the inputs.
        table: contract of the derived table.
        day: UTC date of the event time.

    Raises:
        ProcessorError: silver cannot be read, or the functions do not work.
        CommitFailedError: other writers were faster each time.
    """
    sources = [
        one
        for source in definition.inputs
        for one in _sources(settings, source, contracts[source.topic], day)
    ]
    # Of two equal texts the first is the original, however the table's files are ordered.
    sources.sort(key=lambda one: (one.at, one.topic, one.event_id))
    found: list[tuple[_Source, Understood]] = []
    for start in range(0, len(sources), AT_ONCE):
        some = sources[start : start + AT_ONCE]
        read = understand_each(functions, [one.text for one in some])
        found += [
            (one, what)
            for one, what in zip(some, read, strict=True)
            if not isinstance(what, Unreadable)
        ]
    rows = _rows(definition, functions, studies, table, found)
    version = derived.replace_day(settings, table, day, rows)
    return Enriched(day, len(rows), len(sources) - len(found), version)


def _sources(settings: Settings, source: Input, contract: Contract, day: date) -> list[_Source]:
    rows = (
        pl.scan_delta(open_silver(settings, contract)).filter(pl.col(derived.DATE) == day).collect()
    )
    return [
        _Source(str(source.topic), event_id, at, text)
        for event_id, at, text in zip(
            rows["event_id"], rows[contract.event_time], texts(source, rows), strict=True
        )
    ]


def _rows(
    definition: Definition,
    functions: TextFunctions,
    studies: StudyFunctions,
    table: Contract,
    found: Sequence[tuple[_Source, Understood]],
) -> pl.DataFrame:
    sources, understood = [one for one, _ in found], [what for _, what in found]
    studied = studies.study([one.text.text for one in sources], [one.event_id for one in sources])
    schema = pl.DataFrame(derived.layout(table).schema.empty_table()).schema
    names = [column.name for column in table.columns]
    known: dict[str, list[Any]] = {
        "event_id": [result_id(definition.output, one.topic, one.event_id) for one in sources],
        "source_topic": [one.topic for one in sources],
        "source_event_id": [one.event_id for one in sources],
        table.event_time: [one.at for one in sources],
        "functions": [functions.version] * len(sources),
        "study": [studies.version] * len(sources),
        **result_columns([one.text for one in sources], understood),
    }
    more: dict[str, list[Any]] = {
        name: [columns.get(name) for columns in studied] for name in names if name not in known
    }
    columns = {**known, **more}
    return pl.DataFrame(
        [pl.Series(name, columns[name], dtype=schema[name], strict=False) for name in names]
    )
