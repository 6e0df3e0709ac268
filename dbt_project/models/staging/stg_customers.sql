{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    user_id,
    name,
    email,
    country,
    segment,
    cast(changed_at as timestamp(6) with time zone) as changed_at,
    cast(valid_from as timestamp(6) with time zone) as valid_from
from {{ source('silver_commerce', 'customers') }}
