{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    source_topic,
    source_event_id,
    source_partition,
    source_offset,
    cast(arrived_at as timestamp(6) with time zone) as arrived_at,
    characters,
    language,
    language_confidence,
    sentiment,
    intensity,
    route,
    entities,
    functions,
    least(cast(timestamp as timestamp(6) with time zone), with_timezone(cast(event_date as timestamp(6)) + interval '86399.999' second, 'UTC')) as timestamp,
    event_date
from {{ source('silver_processed', 'feedback') }}
