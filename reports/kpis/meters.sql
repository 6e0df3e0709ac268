-- Meters by hour. The mean power of an hour (kW) is its energy (kWh).
select
    event_date as day,
    hour,
    meter_id,
    site,
    cast(average_power_kw as decimal(18, 6)) as energy_kwh,
    cast(max_power_kw as decimal(18, 6)) as peak_kw,
    readings,
    faults
from {{ table('gold.energy.meter_rollup') }}
