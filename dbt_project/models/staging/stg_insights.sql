{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    category,
    kind,
    text,
    severity,
    texts,
    passages,
    model,
    prompt,
    missing,
    cast(timestamp as timestamp(6) with time zone) as timestamp,
    event_date
from {{ source('silver_feedback', 'insights') }}
