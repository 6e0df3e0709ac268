{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    meter_id,
    site,
    power_kw,
    voltage_v,
    fault,
    cast(timestamp as timestamp(6) with time zone) as timestamp,
    event_date
from {{ source('silver_energy', 'meter_readings') }}
