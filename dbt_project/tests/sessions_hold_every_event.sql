{{ config(meta={'dagster': {'ref': {'name': 'sessions'}}}) }}
-- Each event belongs to exactly one visit.
with mart as (
    select event_date, sum(events) as events from {{ ref('sessions') }} group by 1
),
silver as (
    select event_date, count(*) as events
    from {{ ref('stg_clickstream') }}
    where event_date < (select max(event_date) from mart)
    group by 1
)
select silver.event_date, silver.events, mart.events as mart_events
from silver
left join mart on mart.event_date = silver.event_date
where mart.events is distinct from silver.events
