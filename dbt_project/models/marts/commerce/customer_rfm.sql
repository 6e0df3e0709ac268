{{ config(unique_key=['channel', 'customer_id'], scope_column=none) }}
-- Customers of the web shop, in euro; the wholesale shop's, in pound, are in wholesale_rfm.
-- Recency counts from the newest date in the data, so every row may change with each day: the
-- whole table is computed each time (one row a customer), and only rows that differ are written.
with newest as (
    select max(event_date) as as_of from {{ ref('stg_clickstream') }}
),
figures as (
    select
        clicks.user_id as customer_id,
        newest.as_of,
        date_diff('day', max(clicks.event_date), newest.as_of) as recency_days,
        count(distinct clicks.event_id) as frequency,
        cast(sum(cast(clicks.price as decimal(18, 4))) as double) as monetary
    from {{ ref('stg_clickstream') }} as clicks
    cross join newest
    where clicks.event_type = 'purchase'
    group by 1, 2
)
select
    'web' as channel,
    figures.customer_id,
    figures.as_of,
    figures.recency_days,
    figures.frequency,
    figures.monetary,
    -- Ties are broken by the customer, so that the scores are a function of the data.
    ntile(5) over (order by figures.recency_days desc, figures.customer_id) as recency_score,
    ntile(5) over (order by figures.frequency, figures.customer_id) as frequency_score,
    ntile(5) over (order by figures.monetary, figures.customer_id) as monetary_score,
    customers.segment,
    customers.country
from figures
left join {{ ref('stg_customers') }} as customers on customers.user_id = figures.customer_id
