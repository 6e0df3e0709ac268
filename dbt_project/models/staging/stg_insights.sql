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
    least(cast(timestamp as timestamp(6) with time zone), with_timezone(cast(event_date as timestamp(6)) + interval '86399.999' second, 'UTC')) as timestamp,
    event_date
from {{ source('silver_feedback', 'insights') }}
