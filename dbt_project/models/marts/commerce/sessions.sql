{{ config(
    unique_key=['user_id', 'session_start'], topics=['commerce_clickstream'],
    partitioning=['month(event_date)']
) }}
-- A session ends after 30 minutes of silence, and at midnight UTC: so a date's sessions are a
-- function of that date's events, and a late event touches no other date.
with events as (
    select
        user_id,
        event_date,
        timestamp,
        event_type,
        price,
        product_id,
        lag(timestamp) over (partition by user_id, event_date order by timestamp) as previous
    from {{ ref('stg_clickstream') }}
    where {{ touched() }}
),
numbered as (
    select
        *,
        sum(if(previous is null or timestamp > previous + interval '30' minute, 1, 0))
            over (
                partition by user_id, event_date order by timestamp
                range between unbounded preceding and current row
            ) as session_number
    from events
)
select
    user_id,
    min(timestamp) as session_start,
    max(timestamp) as session_end,
    event_date,
    date_diff('millisecond', min(timestamp), max(timestamp)) / 1000e0 as duration_seconds,
    count(*) as events,
    count_if(event_type = 'view') as views,
    count_if(event_type = 'cart') as carts,
    count_if(event_type = 'purchase') as purchases,
    count(distinct product_id) as products,
    cast(coalesce(sum(if(event_type = 'purchase', cast(price as decimal(18, 4)))), 0) as double)
        as revenue
from numbered
group by user_id, event_date, session_number
