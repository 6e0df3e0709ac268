{{ config(
    unique_key=['grain', 'period_start'], topics=['commerce_clickstream'], tags=['fresh'],
    partitioning=['month(event_date)']
) }}
-- Hours first, days from the hours: counts of events add up, and silver is read once.
with hourly as (
    select
        date_trunc('hour', timestamp) as hour,
        event_date,
        count_if(event_type = 'view') as views,
        count_if(event_type = 'cart') as carts,
        count_if(event_type = 'purchase') as purchases
    from {{ ref('stg_clickstream') }}
    where {{ touched() }}
    group by 1, 2
),
both_grains as (
    select
        if(grouping(hour) = 0, 'hourly', 'daily') as grain,
        coalesce(hour, with_timezone(cast(event_date as timestamp(6)), 'UTC')) as period_start,
        event_date,
        sum(views) as views,
        sum(carts) as carts,
        sum(purchases) as purchases
    from hourly
    group by grouping sets ((hour, event_date), (event_date))
)
select
    grain,
    period_start,
    event_date,
    views,
    carts,
    purchases,
    cast(carts as double) / nullif(views, 0) as view_to_cart,
    cast(purchases as double) / nullif(carts, 0) as cart_to_purchase
from both_grains
