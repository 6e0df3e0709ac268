"""The YAML of a definition: the part of dbt's semantic models and metrics that Weir reads.

What dbt has no key for (units, words, owners) stands in ``config.meta``, where dbt lets it stand.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME = r"^[a-z][a-z0-9_]*$"
Name = Annotated[str, Field(pattern=NAME)]
Language = Literal["en", "de"]
Labels = dict[Language, str]
Phrases = dict[Language, tuple[Annotated[str, Field(min_length=1)], ...]]


class Strict(BaseModel):
    """No key that is not known: a slip of the pen must not be lost."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Relation(Strict):
    """The table behind a semantic model."""

    database: Literal["gold"] = "gold"
    schema_name: Name
    alias: Name


class DimensionMeta(Strict):
    """Words and members of a dimension."""

    plural: str = ""
    labels: Labels = Field(default_factory=dict)
    member: str = ""
    kind: Literal["", "country", "language"] = ""
    synonyms: Phrases = Field(default_factory=dict)


class DimensionConfig(Strict):
    """dbt's ``config`` of a dimension."""

    meta: DimensionMeta = DimensionMeta()


class TimeParams(Strict):
    """How fine a time dimension is."""

    time_granularity: Literal["second", "hour", "day"]


class DimensionShape(Strict):
    """A dimension."""

    name: Name
    type: Literal["time", "categorical"]
    label: str = ""
    type_params: TimeParams | None = None
    config: DimensionConfig = DimensionConfig()


class MeasureShape(Strict):
    """An aggregate of a column, or of an expression of columns."""

    name: Name
    agg: Literal["sum", "min", "max", "average", "count", "count_distinct"]
    expr: str = ""

    @property
    def sql(self) -> str:
        """The aggregate in SQL."""
        column = self.expr or self.name
        if self.agg == "count_distinct":
            return f"count(distinct {column})"
        return f"{'avg' if self.agg == 'average' else self.agg}({column})"


class ListingShape(Strict):
    """Members in a state."""

    name: Name
    label: str
    labels: Labels = Field(default_factory=dict)
    subjects: Phrases
    states: Phrases
    key: Name
    last: Name
    days: int = Field(ge=1, le=3650, strict=True)


class ModelMeta(Strict):
    """What Weir needs to know of a semantic model beyond dbt's keys."""

    rows: str = Field(pattern=r"^[a-z0-9_]+\.sql$")
    owner: str
    finest: Literal["hour", "day"] = "hour"
    qualifiers: Phrases = Field(default_factory=dict)
    note: Labels = Field(default_factory=dict)
    lists: tuple[ListingShape, ...] = ()


class ModelConfig(Strict):
    """dbt's ``config`` of a semantic model."""

    meta: ModelMeta


class Defaults(Strict):
    """The time dimension of a model's measures."""

    agg_time_dimension: Name


class ModelShape(Strict):
    """A semantic model."""

    name: Name
    description: str
    node_relation: Relation
    defaults: Defaults
    primary_entity: Name
    config: ModelConfig
    dimensions: tuple[DimensionShape, ...] = Field(min_length=1)
    measures: tuple[MeasureShape, ...] = Field(min_length=1)


class MetricMeta(Strict):
    """What Weir needs to know of a metric beyond dbt's keys."""

    unit: str = ""
    decimals: int = Field(default=0, ge=0, le=6, strict=True)
    good: Literal["up", "down", "none"] = "none"
    labels: Labels = Field(default_factory=dict)
    synonyms: Phrases = Field(default_factory=dict)
    also: Phrases = Field(default_factory=dict)
    together: Phrases = Field(default_factory=dict)
    explained_by: str = ""
    private: bool = False


class MetricConfig(Strict):
    """dbt's ``config`` of a metric."""

    meta: MetricMeta = MetricMeta()


class MetricParams(Strict):
    """Of what a metric is made."""

    measure: str = ""
    numerator: str = ""
    denominator: str = ""


class MetricShape(Strict):
    """A metric: a measure, or one metric by another."""

    name: Name
    label: str = Field(min_length=1)
    type: Literal["simple", "ratio"]
    type_params: MetricParams
    config: MetricConfig = MetricConfig()

    @model_validator(mode="after")
    def _complete(self) -> MetricShape:
        given = self.type_params.model_dump(exclude_defaults=True)
        wanted = {"measure"} if self.type == "simple" else {"numerator", "denominator"}
        if set(given) != wanted:
            raise ValueError(f"type_params of a {self.type} metric: {' and '.join(sorted(wanted))}")
        return self


class FileShape(Strict):
    """One file of definitions."""

    semantic_models: tuple[ModelShape, ...] = ()
    metrics: tuple[MetricShape, ...] = ()


def first(error: Any) -> str:
    """The message of a pydantic error, without its prefix."""
    return str(error["msg"]).removeprefix("Value error, ")
