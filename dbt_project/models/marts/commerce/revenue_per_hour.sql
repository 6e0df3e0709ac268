{{ config(
    unique_key=['hour'], topics=['commerce_clickstream'], tags=['fresh'],
    partitioning=['month(event_date)']
) }}
-- Sums over decimals: the same rows give the same figure whatever their order.
select
    date_trunc('hour', timestamp) as hour,
    event_date,
    cast(sum(cast(price as decimal(18, 4))) as double) as total_revenue,
    count(*) as purchases,
    cast(sum(cast(price as decimal(18, 4))) as double) / count(*) as average_order_value
from {{ ref('stg_clickstream') }}
where event_type = 'purchase' and {{ touched() }}
group by 1, 2
