{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    review_id,
    user_id,
    product_id,
    rating,
    language,
    text,
    cast(timestamp as timestamp(6) with time zone) as timestamp,
    event_date
from {{ source('silver_feedback', 'reviews') }}
