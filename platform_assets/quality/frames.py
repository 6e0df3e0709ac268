"""Silver rows as pandas frames that Great Expectations is quick on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.contracts.model import Contract, LogicalType, Rule

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

ARRIVAL = "_kafka_timestamp"
"""The broker's time in silver, against which ``not_after_arrival`` is checked."""
EVENT_DATE = "event_date"
"""UTC date of the event time; derived here, never read."""


def limit_column(rule: Rule) -> str:
    """The derived column with the latest event time that the rule allows for each row."""
    return f"_latest_{rule.name}"


def to_pandas(contract: Contract, frame: pl.DataFrame) -> pd.DataFrame:
    """The contract's columns, and the derived ones, as pandas."""
    return arrow_to_pandas(prepared(contract, frame))


def prepared(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """The contract's columns and the derived ones: event date, latest time of each rule."""
    import polars as pl

    wanted = [column.name for column in contract.columns if column.name in frame.columns]
    derived = [
        (pl.col(ARRIVAL) + pl.duration(seconds=int(rule.maximum or 0))).alias(limit_column(rule))
        for rule in contract.rules
        if rule.check == "not_after_arrival" and ARRIVAL in frame.columns
    ]
    if frame.schema.get(contract.event_time) == pl.Datetime("us", "UTC"):
        # Days as a timestamp without zone: pandas would make Python objects of dates.
        day = pl.col(contract.event_time).dt.date().cast(pl.Datetime("us"))
        derived.append(day.alias(EVENT_DATE))
    dates = [
        pl.col(column.name).cast(pl.Datetime("us"))
        for column in contract.columns
        if column.type is LogicalType.DATE and frame.schema.get(column.name) == pl.Date
    ]
    # pandas takes NaN for null; the engines order it above every number, as infinity is.
    floats = [pl.col(name).fill_nan(float("inf")) for name in wanted if _is_float(frame, name)]
    chosen = frame.select(*(pl.col(name) for name in wanted), *derived)
    return chosen.with_columns(*dates, *floats)


def _is_float(frame: pl.DataFrame, name: str) -> bool:
    return frame.schema[name].is_float()


def arrow_to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """To pandas without Python objects, and with integers that stay integers beside nulls."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}

    def text_only(kind: Any) -> Any:
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        return pd.StringDtype("pyarrow") if text else None

    table = frame.to_arrow(compat_level=_oldest())
    pandas: pd.DataFrame = table.to_pandas(types_mapper=text_only)
    for name in table.column_names:
        column = table.column(name)
        if column.null_count and column.type in nullable:
            pandas[name] = column.to_pandas(types_mapper=nullable.get)
    return pandas


def _oldest() -> Any:
    """Strings as Arrow's large_string: pandas 2 does not know string views."""
    import polars as pl

    return pl.CompatLevel.oldest()
