{{ config(unique_key=['customer_id'], scope_column=none) }}
-- Customers of the wholesale shop, in pound. Computed as a whole each time, as customer_rfm is.
-- Cancellations take from what was spent, and are no orders.
with lines as (
    select
        customer_id,
        event_date,
        if(invoice_no not like 'C%' and quantity > 0, invoice_no) as order_no,
        cast(quantity * unit_price as decimal(18, 4)) as amount
    from {{ ref('stg_invoice_lines') }}
    where customer_id is not null and (quantity > 0 or invoice_no like 'C%')
),
newest as (
    select max(event_date) as as_of from {{ ref('stg_invoice_lines') }}
),
figures as (
    select
        lines.customer_id,
        newest.as_of,
        date_diff(
            'day', max(if(lines.order_no is not null, lines.event_date)), newest.as_of
        ) as recency_days,
        count(distinct lines.order_no) as frequency,
        cast(sum(lines.amount) as double) as monetary
    from lines
    cross join newest
    group by 1, 2
    having count(lines.order_no) > 0
)
select
    customer_id,
    as_of,
    recency_days,
    frequency,
    monetary,
    -- Ties are broken by the customer, so that the scores are a function of the data.
    ntile(5) over (order by recency_days desc, customer_id) as recency_score,
    ntile(5) over (order by frequency, customer_id) as frequency_score,
    ntile(5) over (order by monetary, customer_id) as monetary_score
from figures
