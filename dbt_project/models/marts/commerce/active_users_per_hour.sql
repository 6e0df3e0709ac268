{{ config(
    unique_key=['hour'], topics=['commerce_clickstream'], tags=['fresh'],
    partitioning=['month(event_date)']
) }}
select
    date_trunc('hour', timestamp) as hour,
    event_date,
    count(distinct user_id) as active_users,
    count(distinct if(event_type = 'purchase', user_id)) as buyers,
    count(*) as events
from {{ ref('stg_clickstream') }}
where {{ touched() }}
group by 1, 2
