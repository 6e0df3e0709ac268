"""The declarative mapping: a rule a column, compiled to a Polars expression.

Belongs here: what a rule may say, and its expression. Does not belong here: the contract's types
(:mod:`.convert`), the envelope (:mod:`.columns`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.inbound import keyed_digests
from platform_assets.connectors.seam.reader import ConnectorError

if TYPE_CHECKING:
    import polars as pl

_ORIGINS = ("column", "constant", "expression")


class Rule(BaseModel):
    """Where a column's values come from and how they are read; one origin, then steps.

    Attributes:
        column: of the source; ``a.b`` reaches into nested columns.
        constant: the same value in every row.
        expression: in SQL, over the source's columns: ``price * quantity``.
        path: JSON path into a text column: ``$.address.city``.
        values: source value -> value; others are kept.
        parse: format of a date or moment, as Polars has it: ``%d.%m.%Y %H:%M``.
        zone: of a moment that is read by ``parse``; IANA name.
        decimal: the decimal sign of numbers in text.
        thousands: the sign between thousands in text.
        hash: ``sha256`` makes a keyed digest (HMAC) of the text.
        salt: name of the secret that keys it.
    """

    model_config = ConfigDict(extra="forbid")

    column: str | None = None
    constant: str | int | float | bool | None = None
    expression: str | None = None
    path: str | None = None
    values: dict[str, str] = Field(default_factory=dict)
    parse: str | None = None
    zone: str = "UTC"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    hash: Literal["", "sha256"] = ""
    salt: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> Rule:
        given = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of {', '.join(_ORIGINS)}, got {given or 'none'}")
        if self.hash and not self.salt:
            raise ValueError("expected `salt`, the name of a secret: a bare digest can be guessed")
        if self.thousands and self.thousands == self.decimal:
            raise ValueError("expected two different signs for `decimal` and `thousands`")
        return self

    def names(self) -> set[str]:
        """The source's columns that it reads; a nested one with the column that it is in."""
        if self.column is not None:
            return {self.column, self.column.partition(".")[0]}
        if self.expression is None:
            return set()
        import polars as pl

        try:
            return set(pl.sql_expr(self.expression).meta.root_names())
        except pl.exceptions.PolarsError:
            return set()  # it is refused with its page

    @classmethod
    def of(cls, given: str | Rule) -> Rule:
        """A rule, where a bare name is a column."""
        return cls(column=given) if isinstance(given, str) else given


def compiled(rule: Rule, schema: Mapping[str, Any], *, loose: bool = False) -> pl.Expr:
    """The rule as an expression over a page's columns.

    Args:
        rule: of one target.
        schema: of the page: column -> Polars type.
        loose: a column that the page lacks is null.

    Raises:
        ConnectorError: it names a column that the page lacks, or is no expression.
    """
    import polars as pl

    expression = _origin(rule, schema, loose=loose)
    if rule.path is not None:
        expression = expression.cast(pl.String).str.json_path_match(rule.path)
    if rule.values:
        expression = expression.cast(pl.String).replace(rule.values)
    if rule.thousands:
        expression = expression.cast(pl.String).str.replace_all(rule.thousands, "", literal=True)
    if rule.decimal != ".":
        expression = expression.cast(pl.String).str.replace(rule.decimal, ".", literal=True)
    if rule.parse is not None:
        expression = _parsed(expression, rule)
    if rule.hash:
        expression = expression.cast(pl.String).map_batches(
            lambda values: pl.Series(
                values.name, keyed_digests(values.to_list(), rule.salt), dtype=pl.String
            ),
            return_dtype=pl.String,
        )
    return expression


def _origin(rule: Rule, schema: Mapping[str, Any], *, loose: bool) -> pl.Expr:
    import polars as pl

    if rule.expression is not None:
        try:
            return pl.sql_expr(rule.expression)
        except Exception as error:
            raise ConnectorError(f"expression {rule.expression!r}: {error}") from error
    if rule.column is None:
        return pl.lit(rule.constant)
    if rule.column in schema:
        return pl.col(rule.column)
    first, *rest = rule.column.split(".")
    if first not in schema or not rest:
        if loose:
            return pl.lit(None, dtype=pl.String)
        raise ConnectorError(
            f"the source gives no column {rule.column!r}",
            f"it gives: {', '.join(list(schema)[:20])}",
        )
    expression = pl.col(first)
    inner = schema[first]
    for name in rest:
        fields = {one.name: one.dtype for one in getattr(inner, "fields", ())}
        if name not in fields:
            # Nested values without the field in any row: missing, not wrong.
            return pl.lit(None, dtype=pl.String)
        expression, inner = expression.struct.field(name), fields[name]
    return expression


def _parsed(expression: pl.Expr, rule: Rule) -> pl.Expr:
    """Text as a moment in UTC; what does not fit stays text, and is refused by its type."""
    import polars as pl

    text = expression.cast(pl.String)
    has_time = any(part in str(rule.parse) for part in ("%H", "%I", "%s", "%T", "%R"))
    if not has_time:
        return pl.coalesce(text.str.to_date(rule.parse, strict=False).cast(pl.String), text)
    found = text.str.to_datetime(rule.parse, time_unit="us", strict=False)
    if "%z" not in str(rule.parse) and "%:z" not in str(rule.parse):
        found = found.dt.replace_time_zone(rule.zone, ambiguous="earliest", non_existent="null")
    moments = found.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return pl.coalesce(moments, text)
