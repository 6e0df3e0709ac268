{{ config(
    unique_key=['product_id', 'hour'], topics=['commerce_clickstream'],
    partitioning=['month(event_date)']
) }}
select
    product_id,
    date_trunc('hour', timestamp) as hour,
    event_date,
    count_if(event_type = 'view') as views,
    count_if(event_type = 'cart') as carts,
    count_if(event_type = 'purchase') as purchases,
    cast(coalesce(sum(if(event_type = 'purchase', cast(price as decimal(18, 4)))), 0) as double)
        as revenue,
    count(distinct user_id) as visitors,
    cast(count_if(event_type = 'cart') as double) / nullif(count_if(event_type = 'view'), 0)
        as view_to_cart,
    cast(count_if(event_type = 'purchase') as double) / nullif(count_if(event_type = 'view'), 0)
        as view_to_purchase
from {{ ref('stg_clickstream') }}
where {{ touched() }}
group by 1, 2, 3
