{{ config(
    unique_key=['meter_id', 'hour'], topics=['energy_meter_readings'], tags=['fresh'],
    partitioning=['month(event_date)']
) }}
select
    meter_id,
    date_trunc('hour', timestamp) as hour,
    event_date,
    min_by(site, timestamp) as site,
    count(*) as readings,
    cast(avg(cast(power_kw as decimal(18, 6))) as double) as average_power_kw,
    -- kW times h: a row is one hour.
    cast(avg(cast(power_kw as decimal(18, 6))) as double)
        * date_diff('hour', timestamp '2000-01-01 00:00', timestamp '2000-01-01 01:00')
        as energy_kwh,
    min(power_kw) as min_power_kw,
    max(power_kw) as max_power_kw,
    cast(avg(cast(voltage_v as decimal(18, 6))) as double) as average_voltage_v,
    count(fault) as faults
from {{ ref('stg_meter_readings') }}
where {{ touched() }}
group by 1, 2, 3
