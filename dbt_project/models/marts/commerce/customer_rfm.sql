{{ config(unique_key=['channel', 'customer_id'], scope_column=none) }}
-- Recency counts from the newest date in the data, so every row may change with each day: the
-- whole table is computed each time (one row a customer), and only rows that differ are written.
with purchases as (
    select
        'web' as channel,
        user_id as customer_id,
        event_date,
        event_id as order_id,
        cast(price as decimal(18, 4)) as amount
    from {{ ref('stg_clickstream') }}
    where event_type = 'purchase'
    union all
    -- Cancellations take from what was spent, and are no orders.
    select
        'wholesale',
        customer_id,
        event_date,
        if(invoice_no not like 'C%' and quantity > 0, invoice_no),
        cast(quantity * unit_price as decimal(18, 4))
    from {{ ref('stg_invoice_lines') }}
    where customer_id is not null and (quantity > 0 or invoice_no like 'C%')
),
newest as (
    select 'web' as channel, max(event_date) as as_of from {{ ref('stg_clickstream') }}
    union all
    select 'wholesale', max(event_date) from {{ ref('stg_invoice_lines') }}
),
figures as (
    select
        purchases.channel,
        purchases.customer_id,
        newest.as_of,
        date_diff(
            'day', max(if(order_id is not null, purchases.event_date)), newest.as_of
        ) as recency_days,
        count(distinct order_id) as frequency,
        cast(sum(amount) as double) as monetary
    from purchases
    inner join newest on newest.channel = purchases.channel
    group by 1, 2, 3
    having count(order_id) > 0
)
select
    figures.channel,
    figures.customer_id,
    figures.as_of,
    figures.recency_days,
    figures.frequency,
    figures.monetary,
    -- Ties are broken by the customer, so that the scores are a function of the data.
    ntile(5) over (
        partition by figures.channel order by figures.recency_days desc, figures.customer_id
    ) as recency_score,
    ntile(5) over (
        partition by figures.channel order by figures.frequency, figures.customer_id
    ) as frequency_score,
    ntile(5) over (
        partition by figures.channel order by figures.monetary, figures.customer_id
    ) as monetary_score,
    customers.segment,
    customers.country
from figures
left join {{ ref('stg_customers') }} as customers
    on figures.channel = 'web' and customers.user_id = figures.customer_id
