{{ config(
    unique_key=['machine_id', 'hour'], topics=['industry_machine_readings'], tags=['fresh'],
    partitioning=['month(event_date)']
) }}
select
    machine_id,
    date_trunc('hour', timestamp) as hour,
    event_date,
    min_by(line, timestamp) as line,
    count(*) as readings,
    cast(avg(cast(temperature_c as decimal(18, 6))) as double) as average_temperature_c,
    max(temperature_c) as max_temperature_c,
    cast(avg(cast(vibration_mm_s as decimal(18, 6))) as double) as average_vibration_mm_s,
    max(vibration_mm_s) as max_vibration_mm_s,
    cast(avg(cast(pressure_bar as decimal(18, 6))) as double) as average_pressure_bar,
    min(pressure_bar) as min_pressure_bar,
    count(fault) as faults,
    count_if(fault = 'bearing_wear') as bearing_wear,
    count_if(fault = 'overheating') as overheating,
    count_if(fault = 'leak') as leaks,
    count_if(fault = 'sensor_stuck') as sensor_stuck
from {{ ref('stg_machine_readings') }}
where {{ touched() }}
group by 1, 2, 3
