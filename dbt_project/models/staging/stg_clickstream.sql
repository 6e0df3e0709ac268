{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    user_id,
    product_id,
    event_type,
    price,
    least(cast(timestamp as timestamp(6) with time zone), with_timezone(cast(event_date as timestamp(6)) + interval '86399.999' second, 'UTC')) as timestamp,
    event_date
from {{ source('silver_commerce', 'clickstream') }}
