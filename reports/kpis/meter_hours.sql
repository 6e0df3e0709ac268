-- Every meter in every hour since its first, and the readings that it missed: an hour should have
-- as many as the meter's hours most often have. Hours to come are left out.
with known as (
    select meter_id, hour, site, readings
    from {{ table('gold.energy.meter_rollup') }}
),
often as (
    select meter_id, readings, row_number() over (
        partition by meter_id order by count(*) desc, readings desc
    ) as place
    from known
    group by meter_id, readings
),
meters as (
    select known.meter_id, min_by(known.site, known.hour) as site, min(known.hour) as first_hour,
        max(often.readings) as expected
    from known
    inner join often on often.meter_id = known.meter_id and often.place = 1
    group by known.meter_id
),
spine as (
    select meters.meter_id, meters.site, meters.expected,
        with_timezone(cast(spine_days.day_start as timestamp(6)), 'UTC')
            + hours.number * interval '1' hour as hour, meters.first_hour
    from meters
    cross join unnest(sequence(
        cast(meters.first_hour at time zone 'UTC' as date), current_date, interval '1' day
    )) as spine_days (day_start)
    cross join unnest(sequence(0, 23)) as hours (number)
)
select
    spine.hour,
    spine.meter_id,
    spine.site,
    greatest(spine.expected - coalesce(known.readings, 0), 0) as missed
from spine
left join known on known.meter_id = spine.meter_id and known.hour = spine.hour
where spine.hour >= spine.first_hour and spine.hour < date_trunc('hour', current_timestamp)
