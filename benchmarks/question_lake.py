"""Gold tables made by SQL, for questions whose answers are compared: the same rows every time.

Hours from 2025-12-01 to the moment that the questions are asked at, a Wednesday at half past
twelve.
"""

# ruff: noqa: E501 - SQL of this file's own, a line for each column.

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from platform_assets.core.settings import Settings
from platform_assets.core.trino import execute
from platform_assets.gold.bootstrap import bootstrap

AS_OF = datetime(2026, 3, 18, 12, 30, tzinfo=UTC)
_FIRST = "2025-12-01"
_SENSORS_FIRST = "2026-03-02"

_HOURS = """
    SELECT with_timezone(CAST(d AS timestamp(6)), 'UTC') + h * interval '1' hour AS hour, d AS event_date, h
    FROM UNNEST(sequence(DATE '{first}', DATE '2026-03-18', interval '1' day)) AS days (d)
    CROSS JOIN UNNEST(sequence(0, 23)) AS hours (h)
    WHERE d < DATE '2026-03-18' OR h <= 12
"""
"""All hours, the one that is not over too."""


def _random(expression: str, below: int) -> str:
    """A number from 0 to before ``below`` that follows from an expression."""
    return f"mod(abs(from_big_endian_64(xxhash64(to_utf8({expression})))), {below})"


_TABLES = {
    "commerce.products_per_hour": f"""
        SELECT p AS product_id, hour, event_date,
            20 + {_random("concat('v', cast(hour as varchar), cast(p as varchar))", 30)} AS views,
            5 + {_random("concat('c', cast(hour as varchar), cast(p as varchar))", 9)} AS carts,
            bought AS purchases,
            CAST(bought * (5 * p + {_random("concat('r', cast(hour as varchar))", 7)}) AS double) + 0.25
                AS revenue,
            CAST(10 AS bigint) AS visitors, 0e0 AS view_to_cart, 0e0 AS view_to_purchase
        FROM (SELECT *, 1 + {_random("concat('b', cast(hour as varchar), cast(p as varchar))", 4)}
                 - IF(hour = TIMESTAMP '2026-03-18 11:00 UTC', 1, 0) AS bought
              FROM ({_HOURS.format(first=_FIRST)}) CROSS JOIN UNNEST(sequence(1, 12)) AS products (p))
    """,
    "commerce.revenue_per_hour": """
        SELECT hour, event_date, sum(revenue) AS total_revenue, sum(purchases) AS purchases,
            sum(revenue) / sum(purchases) AS average_order_value
        FROM gold.commerce.products_per_hour GROUP BY hour, event_date
    """,
    "commerce.conversion_rate": """
        SELECT IF(grouping(hour) = 0, 'hourly', 'daily') AS grain,
            coalesce(hour, with_timezone(CAST(event_date AS timestamp(6)), 'UTC')) AS period_start,
            event_date, sum(views) AS views, sum(carts) AS carts, sum(purchases) AS purchases,
            CAST(sum(carts) AS double) / sum(views) AS view_to_cart,
            CAST(sum(purchases) AS double) / sum(carts) AS cart_to_purchase
        FROM gold.commerce.products_per_hour
        GROUP BY GROUPING SETS ((hour, event_date), (event_date))
    """,
    "commerce.sessions": f"""
        SELECT CAST(u AS bigint) AS user_id, hour + (u * 7) * interval '1' second AS session_start,
            hour + (u * 7 + 300) * interval '1' second AS session_end, event_date,
            CAST(60 + {_random("concat('d', cast(hour as varchar), cast(u as varchar))", 900)} AS double)
                AS duration_seconds,
            CAST(4 AS bigint) AS events, CAST(3 AS bigint) AS views, CAST(1 AS bigint) AS carts,
            CAST({_random("concat('p', cast(hour as varchar), cast(u as varchar))", 2)} AS bigint)
                AS purchases,
            CAST(2 AS bigint) AS products, 0e0 AS revenue
        FROM ({_HOURS.format(first=_FIRST)}) CROSS JOIN UNNEST(sequence(1, 60)) AS users (u)
        WHERE {_random("concat('s', cast(hour as varchar), cast(u as varchar))", 40)} = 0
            AND event_date < DATE '2026-03-18' - IF(u > 50, u - 40, 0) * interval '1' day
    """,
    "retail.sales_per_hour": f"""
        SELECT hour, event_date, country, CAST(gross AS double) AS gross_sales,
            CAST(back AS double) AS returns, 0e0 AS adjustments,
            CAST(gross - back AS double) AS net_sales, n AS orders, IF(back > 0, 1, 0) AS cancellations,
            4 * n AS units_sold, CAST(0 AS bigint) AS units_returned,
            CAST(0 AS bigint) AS units_written_off, n AS customers
        FROM (SELECT *, n * (20 + {_random("concat('g', cast(hour as varchar), country)", 60)}) AS gross,
                  n * {_random("concat('k', cast(hour as varchar), country)", 9)} AS back
              FROM (SELECT *, CAST(1 + {_random("concat('o', cast(hour as varchar), country)", 5)}
                        AS bigint) AS n
                    FROM ({_HOURS.format(first=_FIRST)})
                    CROSS JOIN UNNEST(ARRAY['United Kingdom', 'Germany', 'France', 'EIRE', 'USA',
                        'Netherlands', 'Spain']) AS countries (country)
                    WHERE h BETWEEN 8 AND 17 AND day_of_week(event_date) <> 6
                        AND (country <> 'Spain' OR mod(h, 4) = 0)))
    """,
    "energy.meter_rollup": f"""
        SELECT format('meter-%03d', m) AS meter_id, hour, event_date,
            element_at(ARRAY['Aachen', 'Bilbao', 'Lyon', 'Malmo', 'Poznan'], CAST(mod(m, 5) + 1 AS integer))
                AS site,
            CAST(4 - IF(lost < 2, lost + 1, 0) AS bigint) AS readings,
            CAST(power AS double) AS average_power_kw, CAST(power AS double) AS energy_kwh,
            CAST(power - 1 AS double) AS min_power_kw, CAST(power + 2.5 AS double) AS max_power_kw,
            230e0 AS average_voltage_v,
            CAST(IF({_random("concat('f', cast(hour as varchar), cast(m as varchar))", 12)} = 0, 1, 0)
                AS bigint) AS faults
        FROM (SELECT *, {_random("concat('l', cast(hour as varchar), cast(m as varchar))", 25)} AS lost,
                  5 + {_random("concat('w', cast(hour as varchar), cast(m as varchar))", 40)} AS power
              FROM ({_HOURS.format(first=_SENSORS_FIRST)}) CROSS JOIN UNNEST(sequence(1, 20)) AS meters (m))
        WHERE lost <> 24 OR h = 0
    """,
    "industry.machine_rollup": f"""
        SELECT format('machine-%02d', m) AS machine_id, hour, event_date,
            element_at(ARRAY['casting', 'milling', 'painting'], CAST(mod(m, 3) + 1 AS integer)) AS line,
            CAST(6 + mod(m, 2) AS bigint) AS readings, CAST(t AS double) AS average_temperature_c,
            CAST(t + 7 AS double) AS max_temperature_c, CAST(v AS double) / 10 AS average_vibration_mm_s,
            CAST(v + 9 AS double) / 10 AS max_vibration_mm_s, 5e0 AS average_pressure_bar,
            4e0 AS min_pressure_bar, CAST(a + b + c AS bigint) AS faults, CAST(a AS bigint) AS bearing_wear,
            CAST(b AS bigint) AS overheating, CAST(c AS bigint) AS leaks, CAST(0 AS bigint) AS sensor_stuck
        FROM (SELECT *, 40 + {_random("concat('t', cast(hour as varchar), cast(m as varchar))", 30)} AS t,
                  10 + {_random("concat('u', cast(hour as varchar), cast(m as varchar))", 50)} AS v,
                  IF({_random("concat('x', cast(hour as varchar), cast(m as varchar))", 15)} = 0, 1, 0) AS a,
                  IF({_random("concat('y', cast(hour as varchar), cast(m as varchar))", 15)} = 0, 1, 0) AS b,
                  IF({_random("concat('z', cast(hour as varchar), cast(m as varchar))", 15)} = 0, 1, 0) AS c
              FROM ({_HOURS.format(first=_SENSORS_FIRST)}) CROSS JOIN UNNEST(sequence(1, 9)) AS machines (m))
    """,
    "feedback.feedback_daily": f"""
        SELECT event_date AS feedback_date, event_date, language, a + b + c + d + e AS reviews,
            CAST(a + 2 * b + 3 * c + 4 * d + 5 * e AS double) / (a + b + c + d + e) AS average_rating,
            a AS rating_1, b AS rating_2, c AS rating_3, d AS rating_4, e AS rating_5,
            t AS tickets, {_random("concat('ur', cast(event_date as varchar), language)", 3)} AS urgent_tickets
        FROM (SELECT event_date, language,
                  {_random("concat('1', cast(event_date as varchar), language)", 4)} AS a,
                  {_random("concat('2', cast(event_date as varchar), language)", 5)} AS b,
                  {_random("concat('3', cast(event_date as varchar), language)", 6)} AS c,
                  {_random("concat('4', cast(event_date as varchar), language)", 7)} AS d,
                  1 + {_random("concat('5', cast(event_date as varchar), language)", 8)} AS e,
                  3 + {_random("concat('6', cast(event_date as varchar), language)", 9)} AS t
              FROM UNNEST(sequence(DATE '{_FIRST}', DATE '2026-03-18', interval '1' day)) AS days (event_date)
              CROSS JOIN UNNEST(ARRAY['de', 'en', 'es', 'fr', 'ja']) AS languages (language))
    """,
}


@contextmanager
def question_lake(settings: Settings) -> Iterator[Settings]:
    """Gold with these tables, readable by the analyst; dropped at the end.

    Args:
        settings: of a running Trino that nobody needs the gold of: tables of their names go.
    """
    bootstrap(settings)
    try:
        for name, rows in _TABLES.items():
            schema = name.split(".")[0]
            execute(settings, f"CREATE SCHEMA IF NOT EXISTS gold.{schema}")
            execute(settings, f"DROP TABLE IF EXISTS gold.{name}")
            execute(settings, f"CREATE TABLE gold.{name} AS {rows}")
        yield settings
    finally:
        for name in _TABLES:
            execute(settings, f"DROP TABLE IF EXISTS gold.{name}")
