{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    machine_id,
    line,
    temperature_c,
    vibration_mm_s,
    pressure_bar,
    fault,
    least(cast(timestamp as timestamp(6) with time zone), with_timezone(cast(event_date as timestamp(6)) + interval '86399.999' second, 'UTC')) as timestamp,
    event_date
from {{ source('silver_industry', 'machine_readings') }}
