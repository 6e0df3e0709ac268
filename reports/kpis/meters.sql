-- Meters by hour.
select
    hour,
    meter_id,
    site,
    cast(energy_kwh as decimal(18, 6)) as energy_kwh,
    cast(max_power_kw as decimal(18, 6)) as peak_kw,
    average_power_kw,
    average_voltage_v,
    readings,
    faults
from {{ table('gold.energy.meter_rollup') }}
