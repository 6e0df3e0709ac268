"""Small silver tables for the gold tests, and what gold must say of them (Polars)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from platform_assets.contracts.model import Contract, LogicalType, TopicKind
from platform_assets.core.naming import TableName

FIRST = datetime(2026, 10, 23, tzinfo=UTC)
"""A Friday; the clocks of Europe go back on the Sunday."""
DAYS = 5
TYPES = {
    LogicalType.STRING: pl.String(),
    LogicalType.INTEGER: pl.Int64(),
    LogicalType.NUMBER: pl.Float64(),
    LogicalType.BOOLEAN: pl.Boolean(),
    LogicalType.DATE: pl.Date(),
    LogicalType.TIMESTAMP: pl.Datetime("us", "UTC"),
}

LAST_OF_DAY = 5
"""Number of the row whose event is in the last microsecond of its date."""


def rows(contract: Contract, count: int, seed: int = 1) -> list[dict[str, object]]:
    """Rows of a topic, with values that reach every branch of the models."""
    rng = random.Random(f"{contract.topic}{seed}")
    return [_row(contract, rng, number, seed) for number in range(count)]


def _row(contract: Contract, rng: random.Random, number: int, seed: int) -> dict[str, object]:
    topic = str(contract.topic)
    # Milliseconds: Trino reads Delta's times as such.
    time = FIRST + timedelta(milliseconds=rng.randrange(DAYS * 86_400_000))
    if number == LAST_OF_DAY:
        # Rounded to milliseconds it would be of the next day.
        time = time.replace(hour=23, minute=59, second=59, microsecond=999_999)
    kind = rng.choices(["view", "cart", "purchase"], [6, 3, 2])[0]
    value: dict[str, dict[str, object]] = {
        "commerce.clickstream": {
            "user_id": rng.randint(1, 40),
            "product_id": rng.randint(1, 12),
            "event_type": kind,
            "price": round(rng.uniform(1, 90), 2) if kind == "purchase" else 0.0,
            "timestamp": time,
        },
        "commerce.customers": {
            "user_id": number + 1,
            "name": f"Person {number}",
            "email": f"p{number}@example.org",
            "country": "DE",
            "segment": rng.choice(["consumer", "vip"]),
            "changed_at": time,
        },
        "energy.meter_readings": {
            "meter_id": f"meter-{rng.randint(1, 4):03}",
            "site": "north",
            "power_kw": round(rng.uniform(0, 50), 3),
            "voltage_v": round(rng.uniform(220, 240), 2),
            "fault": rng.choice([None, None, None, "spike"]),
            "timestamp": time,
        },
        "industry.machine_readings": {
            "machine_id": f"machine-{rng.randint(1, 3)}",
            "line": "a",
            "temperature_c": round(rng.uniform(20, 90), 2),
            "vibration_mm_s": round(rng.uniform(0, 9), 3),
            "pressure_bar": round(rng.uniform(1, 9), 3),
            "fault": rng.choice([None, None, "leak", "overheating"]),
            "timestamp": time,
        },
        "feedback.reviews": {
            "review_id": f"r{number}",
            "user_id": rng.randint(1, 40),
            "product_id": rng.randint(1, 12),
            "rating": rng.randint(1, 5),
            "language": rng.choice(["en", "ja"]),
            "text": "fine",
            "timestamp": time,
        },
        "feedback.support_tickets": {
            "ticket_id": f"t{number}",
            "user_id": rng.randint(1, 40),
            "email": "secret@example.org",
            "language": rng.choice(["en", "pl"]),
            "channel": "chat",
            "priority": rng.choice(["low", "urgent"]),
            "subject": "late parcel",
            "body": "secret",
            "timestamp": time,
        },
        "retail.invoice_lines": {
            "invoice_no": rng.choice(["", "", "", "C"]) + str(rng.randint(500, 560)),
            "line_no": number,
            "stock_code": "85123A",
            "description": "HOLDER",
            "quantity": rng.choice([1, 6, 12, -2]),
            "unit_price": round(rng.uniform(0.5, 20), 2),
            "invoice_date": time,
            "customer_id": rng.choice([None, 12001, 12002, 12003]),
            "country": rng.choice(["France", "EIRE"]),
        },
    }
    row = {
        "event_id": f"{topic}-{seed}-{number}",
        **(value.get(topic) or _typed(contract, rng, time)),
    }
    if topic == "retail.invoice_lines" and str(row["invoice_no"]).startswith("C"):
        row["quantity"] = -abs(int(str(row["quantity"])))
    return row


def _typed(contract: Contract, rng: random.Random, time: datetime) -> dict[str, object]:
    """Any values of the right types: no model reads this topic."""
    made: dict[LogicalType, object] = {
        LogicalType.STRING: rng.choice(["a", "b"]),
        LogicalType.INTEGER: rng.randint(1, 40),
        LogicalType.NUMBER: round(rng.uniform(1, 50), 2),
        LogicalType.BOOLEAN: rng.choice([True, False]),
        LogicalType.DATE: time.date(),
        LogicalType.TIMESTAMP: time,
    }
    return {column.name: made[column.type] for column in contract.columns[1:]}


def frame(contract: Contract, values: list[dict[str, object]]) -> pl.DataFrame:
    """The rows as a silver table."""
    data = pl.DataFrame(values, schema={c.name: TYPES[c.type] for c in contract.columns})
    bookkeeping = [
        pl.lit(1, pl.Int64()).alias("_micro_batch"),
        pl.lit(0, pl.Int32()).alias("_kafka_partition"),
        pl.lit(0, pl.Int64()).alias("_kafka_offset"),
        pl.lit(FIRST).alias("_kafka_timestamp"),
    ]
    time = pl.col(contract.event_time)
    if contract.kind is TopicKind.CHANGE:
        return data.with_columns(time.alias("valid_from"), *bookkeeping)
    return data.with_columns(time.dt.date().alias("event_date"), *bookkeeping)


def write(lake: Path, table: TableName, data: pl.DataFrame) -> None:
    """Replace a Delta table's rows."""
    data.write_delta(str(lake / table.path), mode="overwrite")


def expected(clicks: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What the clickstream's marts must hold; times in milliseconds, as Trino reads them."""
    clicks = clicks.with_columns(pl.col("timestamp").dt.truncate("1ms"))
    hour = pl.col("timestamp").dt.truncate("1h").alias("hour")
    bought = pl.col("event_type") == "purchase"
    revenue = pl.col("price").sum().round(4)
    counts = [
        (pl.col("event_type") == name).sum().cast(pl.Int64()).alias(f"{name}s")
        for name in ("view", "cart", "purchase")
    ]
    hourly = clicks.group_by(hour, "event_date").agg(*counts)
    gap = pl.col("timestamp").diff().over("user_id", "event_date") > timedelta(minutes=30)
    visits = (
        clicks.sort("user_id", "timestamp")
        .with_columns(gap.fill_null(value=True).alias("new"))
        .with_columns(pl.col("new").cum_sum().over("user_id", "event_date").alias("visit"))
        .group_by("user_id", "event_date", "visit")
        .agg(
            pl.col("timestamp").min().alias("session_start"),
            pl.col("timestamp").max().alias("session_end"),
            pl.len().cast(pl.Int64()).alias("events"),
            revenue.alias("revenue"),
        )
        .drop("visit")
    )
    return {
        "revenue_per_hour": clicks.filter(bought)
        .group_by(hour)
        .agg(revenue.alias("total_revenue"), pl.len().cast(pl.Int64()).alias("purchases")),
        "active_users_per_hour": clicks.group_by(hour).agg(
            pl.col("user_id").n_unique().cast(pl.Int64()).alias("active_users"),
            pl.col("user_id").filter(bought).n_unique().cast(pl.Int64()).alias("buyers"),
        ),
        "conversion_rate": pl.concat(
            [
                hourly.select(
                    pl.lit("hourly").alias("grain"), pl.col("hour").alias("period_start"),
                    "views", "carts", "purchases",
                ),
                hourly.group_by("event_date")
                .agg(pl.col("views", "carts", "purchases").sum())
                .select(
                    pl.lit("daily").alias("grain"),
                    pl.col("event_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
                    .alias("period_start"),
                    "views", "carts", "purchases",
                ),
            ]
        ),
        "sessions": visits,
        "products_per_hour": clicks.group_by("product_id", hour, "event_date").agg(
            *counts, revenue.alias("revenue")
        ),
    }  # fmt: skip
