{{ config(meta={'dagster': {'ref': {'name': 'conversion_rate'}}}) }}
-- A day of the funnel is the sum of its hours.
select
    event_date,
    sum(if(grain = 'daily', purchases, -purchases)) as purchases_off,
    sum(if(grain = 'daily', views, -views)) as views_off
from {{ ref('conversion_rate') }}
group by 1
having sum(if(grain = 'daily', purchases, -purchases)) != 0
    or sum(if(grain = 'daily', views, -views)) != 0
