"""Reading the semantic layer; a wrong definition is refused with its file and line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from platform_assets.core.errors import WeirError
from platform_assets.core.naming import OWNER_RULE, is_owner
from platform_assets.core.yaml_lines import Document, read
from reports.kpi_sql import DAY, check_rows, check_value, render_sql, tables_of
from reports.semantics.model import Dimension, Layer, Listing, Metric, SemanticModel
from reports.semantics.shape import FileShape, MetricShape, ModelShape, first

ROOM = Path(__file__).resolve().parent
DEFINITIONS = ROOM / "definitions"
ROWS = ROOM.parent / "kpis"

_TIMES = ("at", "hour", DAY)


class SemanticError(WeirError):
    """A definition is wrong; the message names file, line and what was expected."""


@lru_cache(maxsize=4)
def load_layer(folder: Path = DEFINITIONS, rows: Path = ROWS) -> Layer:
    """The semantic layer of a folder of YAML files.

    Args:
        folder: the definitions.
        rows: the SQL files that they name.

    Raises:
        SemanticError: a file is not YAML, breaks a rule, names a column that is not there or
            another unit than the contract's; one line for each error, with file and line.
    """
    reader = _Reader(rows)
    for path in sorted(folder.glob("*.yaml")):
        reader.file(path)
    reader.finish()
    if reader.problems:
        raise SemanticError("\n".join(reader.problems))
    return Layer(reader.models, reader.metrics)


class _Reader:
    """Collects models, metrics and what is wrong with them."""

    def __init__(self, rows: Path) -> None:
        self._rows = rows
        self.models: dict[str, SemanticModel] = {}
        self.metrics: dict[str, Metric] = {}
        self.problems: list[str] = []
        self._measures: dict[str, tuple[str, str, bool]] = {}
        """Measure -> its model, its SQL, whether it adds up."""
        self._later: list[tuple[Document, tuple[Any, ...], MetricShape]] = []

    def file(self, path: Path) -> None:
        """Read one file's models; its metrics may be made of other files' measures."""
        document = read(path, SemanticError)
        try:
            shape = FileShape.model_validate(document.data or {})
        except ValidationError as error:
            for one in error.errors():
                # Pydantic puts the type that it tried into the place; YAML has no such key.
                self._wrong(document, tuple(one["loc"]), f"{_place(one['loc'])}{first(one)}")
            return
        for number, model in enumerate(shape.semantic_models):
            self._model(document, ("semantic_models", number), model)
        self._later += [
            (document, ("metrics", number), one) for number, one in enumerate(shape.metrics)
        ]

    def finish(self) -> None:
        """Make the metrics: those of one measure, then those of two metrics."""
        for kind in ("simple", "ratio"):
            for document, place, shape in self._later:
                if shape.type == kind:
                    self._metric(document, place, shape)
        for document, place, shape in self._later:
            name = shape.config.meta.explained_by
            if name and name not in self.metrics:
                where = (*place, "config", "meta", "explained_by")
                self._wrong(document, where, f"explained_by: no metric {name!r}")

    def _model(self, document: Document, place: tuple[Any, ...], shape: ModelShape) -> None:
        meta, rows_at = shape.config.meta, (*place, "config", "meta", "rows")
        if shape.name in self.models:
            self._wrong(document, (*place, "name"), f"{shape.name!r} is defined twice")
            return
        if not is_owner(meta.owner):
            self._wrong(document, (*place, "config", "meta", "owner"), f"owner: {OWNER_RULE}")
        try:
            statement = (self._rows / meta.rows).read_text(encoding="utf-8")
            check_rows(statement, ())
            tables = tables_of(statement)
        except OSError as error:
            self._wrong(document, rows_at, f"rows: {meta.rows}: {error.strerror}")
            return
        except ValueError as error:
            self._wrong(document, rows_at, f"rows: {meta.rows}: {error}")
            return
        relation = shape.node_relation
        table = f"gold.{relation.schema_name}.{relation.alias}"
        if table not in tables:
            self._wrong(
                document,
                (*place, "node_relation"),
                f"{meta.rows} reads {', '.join(sorted(tables))}, not {table}",
            )
        if problem := _unknown_in_gold(statement):
            self._wrong(document, rows_at, f"rows: {meta.rows}: {problem}")
        time = shape.defaults.agg_time_dimension
        if time not in _TIMES:
            where = (*place, "defaults", "agg_time_dimension")
            self._wrong(document, where, f"expected one of {', '.join(_TIMES)}, not {time!r}")
        for number, dimension in enumerate(shape.dimensions):
            where = (*place, "dimensions", number, "name")
            self._column(document, where, statement, dimension.name)
        for number, measure in enumerate(shape.measures):
            where = (*place, "measures", number, "expr" if measure.expr else "name")
            if measure.name in self._measures:
                self._wrong(document, where, f"measure {measure.name!r} is defined twice")
            for column in _columns_of(measure.sql):
                self._column(document, where, statement, column)
            adds = measure.agg in ("sum", "count")
            self._measures[measure.name] = (shape.name, measure.sql, adds)
        self.models[shape.name] = _model(shape, table, statement)

    def _metric(self, document: Document, place: tuple[Any, ...], shape: MetricShape) -> None:
        from reports.kpi_units import check_columns

        meta, params = shape.config.meta, shape.type_params
        if shape.name in self.metrics:
            self._wrong(document, (*place, "name"), f"{shape.name!r} is defined twice")
            return
        if shape.type == "simple":
            if params.measure not in self._measures:
                where = (*place, "type_params", "measure")
                self._wrong(document, where, f"no measure {params.measure!r}")
                return
            name, value, additive = self._measures[params.measure]
        else:
            parts = [params.numerator, params.denominator]
            if missing := [part for part in parts if part not in self.metrics]:
                where = (*place, "type_params")
                self._wrong(document, where, f"no metric {missing[0]!r}")
                return
            above, below = (self.metrics[part] for part in parts)
            if above.model.name != below.model.name:
                self._wrong(document, (*place, "type_params"), "its parts have different rows")
                return
            name, additive = above.model.name, False
            percent = "100e0 * " if meta.unit == "%" else ""
            value = f"{percent}{above.value} / nullif({below.value}, 0)"
        if name not in self.models:
            return  # its model is refused already
        model = self.models[name]
        by = next(iter(model.dimensions), "")
        at = (*place, "config", "meta", "unit")
        try:
            check_value(value)
            unit = check_columns(model.statement, value, by, meta.unit)
        except ValueError as error:
            self._wrong(document, at, f"metric {shape.name}: {value}: {error}")
            return
        self.metrics[shape.name] = Metric(
            name=shape.name,
            label=shape.label,
            labels=_text(meta.labels),
            model=model,
            value=value,
            additive=additive,
            unit=unit,
            decimals=meta.decimals,
            good=meta.good,
            phrases=_text(meta.synonyms),
            also=_text(meta.also),
            together=_text(meta.together),
            explained_by=meta.explained_by,
            private=meta.private,
        )

    def _column(
        self, document: Document, where: tuple[Any, ...], statement: str, column: str
    ) -> None:
        try:
            check_rows(statement, [column])
        except ValueError as error:
            self._wrong(document, where, str(error))

    def _wrong(self, document: Document, place: tuple[Any, ...], text: str) -> None:
        self.problems.append(f"{document.where(place)}: {text}")


def _model(shape: ModelShape, table: str, statement: str) -> SemanticModel:
    meta = shape.config.meta
    dimensions = {
        one.name: Dimension(
            column=one.name,
            label=one.label or one.name,
            plural=one.config.meta.plural or one.label or one.name,
            labels=_text(one.config.meta.labels),
            member=one.config.meta.member,
            kind=one.config.meta.kind,
            phrases=_text(one.config.meta.synonyms),
        )
        for one in shape.dimensions
        if one.type == "categorical"
    }
    return SemanticModel(
        name=shape.name,
        description=shape.description,
        table=table,
        rows=meta.rows,
        statement=statement,
        time=shape.defaults.agg_time_dimension,
        finest="day" if shape.defaults.agg_time_dimension == DAY else meta.finest,
        owner=meta.owner,
        dimensions=dimensions,
        qualifiers=_text(meta.qualifiers),
        note=_text(meta.note),
        listings=tuple(
            Listing(
                name=one.name,
                label=one.label,
                labels=_text(one.labels),
                subjects=_text(one.subjects),
                states=_text(one.states),
                key=one.key,
                last=one.last,
                days=one.days,
            )
            for one in meta.lists
        ),
    )


def _text(found: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(language): value for language, value in found.items()}


def _place(loc: tuple[Any, ...]) -> str:
    return f"{'.'.join(str(part) for part in loc)}: " if loc else ""


def _columns_of(value: str) -> list[str]:
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        found = parse_one(f"select {value}", dialect="trino").find_all(exp.Column)
    except SqlglotError:
        return []  # `check_value` says what is wrong
    return list(dict.fromkeys(column.name for column in found))


def _unknown_in_gold(statement: str) -> str:
    """Why a statement does not fit the columns of gold; empty where it does."""
    from platform_assets.contracts.load import load_contracts
    from platform_assets.core.naming import TableName
    from platform_assets.gold.columns import UnknownSqlError, definitions, leaf, read_models

    models = read_models(load_contracts().values())
    names = {name: TableName("gold", *name.split(".")[1:]) for name in tables_of(statement)}
    if unknown := [name for name, table in names.items() if table not in models]:
        return f"no dbt model makes {unknown[0]}"
    if any(models[table].problem for table in names.values()):
        return ""
    flat = {name: name.replace(".", "__") for name in names}
    known = {
        flat[name]: {column: leaf(table, column) for column in models[table].columns}
        for name, table in names.items()
    }
    try:
        definitions(render_sql(statement, flat), known)
    except UnknownSqlError as error:
        return str(error)
    return ""
