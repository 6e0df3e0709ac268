{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    machine_id,
    line,
    temperature_c,
    vibration_mm_s,
    pressure_bar,
    fault,
    cast(timestamp as timestamp(6) with time zone) as timestamp,
    event_date
from {{ source('silver_industry', 'machine_readings') }}
