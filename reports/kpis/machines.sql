-- Machines by hour.
select
    hour,
    machine_id,
    line,
    readings,
    average_temperature_c,
    max_temperature_c,
    average_vibration_mm_s,
    max_vibration_mm_s,
    average_pressure_bar,
    min_pressure_bar,
    faults,
    bearing_wear,
    overheating,
    leaks
from {{ table('gold.industry.machine_rollup') }}
