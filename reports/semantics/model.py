"""Metrics and dimensions as plain typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Good = Literal["up", "down", "none"]
Words = Mapping[str, tuple[str, ...]]
"""Language (``en``, ``de``) -> phrases."""


@dataclass(frozen=True)
class Dimension:
    """By what a metric may be grouped and filtered.

    Attributes:
        column: of the rows.
        label: singular noun.
        plural: plural noun.
        labels: language -> singular noun, where it is not English.
        member: how a number becomes a member, e.g. ``meter-{:03d}``; empty where none does.
        kind: ``country`` or ``language``: members are also known by their names in CLDR.
        phrases: what it is called, by language.
    """

    column: str
    label: str
    plural: str
    labels: Mapping[str, str]
    member: str
    kind: str
    phrases: Words


@dataclass(frozen=True)
class Listing:
    """Members that are in a state: users without a visit in so many days.

    Attributes:
        name: unique.
        label: what is listed.
        labels: language -> label, where it is not English.
        subjects: who, by language.
        states: in which state, by language.
        key: the column of the rows that names a member.
        last: the column with the moment that counts.
        days: without such a moment for how long, where the question does not say.
    """

    name: str
    label: str
    labels: Mapping[str, str]
    subjects: Words
    states: Words
    key: str
    last: str
    days: int


@dataclass(frozen=True)
class SemanticModel:
    """Rows that metrics are computed from.

    Attributes:
        name: unique.
        description: one sentence.
        table: the gold table behind the rows.
        rows: the name of the SQL file below ``reports/kpis``.
        statement: its text.
        time: the column of the rows' time: ``at``, ``hour`` or ``day``.
        finest: the finest grain by which the metrics hold: ``hour`` or ``day``.
        owner: who answers for it.
        dimensions: by column.
        qualifiers: words that choose this model, by language.
        note: what a reader must know of the numbers, by language.
        listings: members in a state.
    """

    name: str
    description: str
    table: str
    rows: str
    statement: str
    time: str
    finest: Literal["hour", "day"]
    owner: str
    dimensions: Mapping[str, Dimension]
    qualifiers: Words
    note: Mapping[str, str]
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True)
class Metric:
    """A measured quantity.

    Attributes:
        name: unique.
        label: what it measures, in English.
        labels: language -> label, where it is not English.
        model: where its rows are.
        value: an aggregate over those rows, e.g. ``sum(net_sales)``.
        additive: whether parts add up to the whole.
        unit: ISO currency code, ``%``, another unit, or a plural noun of what is counted.
        decimals: digits after the point.
        good: the direction that is good.
        phrases: what it is called, by language.
        also: what it is called where nothing else of that name can answer.
        together: what it and others are called together (``conversion rates``).
        explained_by: the metric whose dimensions explain changes of this one; itself if empty.
        private: a part of others, that nobody asks for.
    """

    name: str
    label: str
    labels: Mapping[str, str]
    model: SemanticModel
    value: str
    additive: bool
    unit: str
    decimals: int
    good: Good
    phrases: Words
    also: Words
    together: Words
    explained_by: str = ""
    private: bool = False

    def named(self, language: str) -> str:
        """Its label in a language."""
        return self.labels.get(language, self.label)


@dataclass(frozen=True)
class Layer:
    """Everything that can be asked for.

    Attributes:
        models: by name.
        metrics: by name.
    """

    models: Mapping[str, SemanticModel] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)

    @property
    def public(self) -> list[Metric]:
        """The metrics that may be asked for."""
        return [metric for metric in self.metrics.values() if not metric.private]
