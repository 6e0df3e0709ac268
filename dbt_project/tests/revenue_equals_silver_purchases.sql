{{ config(meta={'dagster': {'ref': {'name': 'revenue_per_hour'}}}) }}
-- Nothing is lost or doubled between silver's purchases and the board's revenue. Only dates that
-- the mart has settled are compared: silver goes on while a build runs.
with mart as (
    select event_date, sum(total_revenue) as revenue, sum(purchases) as purchases
    from {{ ref('revenue_per_hour') }}
    group by 1
),
silver as (
    select event_date, sum(price) as revenue, count(*) as purchases
    from {{ ref('stg_clickstream') }}
    where event_type = 'purchase' and event_date < (select max(event_date) from mart)
    group by 1
)
select silver.event_date, silver.revenue, mart.revenue as mart_revenue
from silver
left join mart on mart.event_date = silver.event_date
where mart.purchases is distinct from silver.purchases
    or abs(mart.revenue - silver.revenue) > 0.01
