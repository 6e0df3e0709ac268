{{ config(
    unique_key=['hour', 'country'], topics=['retail_invoice_lines'],
    partitioning=['month(event_date)']
) }}
-- An invoice number with a C cancels; goods that leave stock without one (negative quantity) are
-- write-offs, not sales; a negative price is an accounting adjustment.
with lines as (
    select
        date_trunc('hour', invoice_date) as hour,
        event_date,
        country,
        invoice_no,
        customer_id,
        cast(quantity * unit_price as decimal(18, 4)) as amount,
        quantity,
        case
            when unit_price < 0 then 'adjustment'
            when invoice_no like 'C%' then 'return'
            when quantity < 0 then 'write_off'
            else 'sale'
        end as kind
    from {{ ref('stg_invoice_lines') }}
    where {{ touched() }}
),
-- An invoice written over the turn of an hour is one order, of the hour in which it began: so
-- orders add up to those of any day.
begun as (
    select
        *,
        if(
            hour = min(hour) over (partition by event_date, country, invoice_no, kind), invoice_no
        ) as began
    from lines
)
select
    hour,
    event_date,
    country,
    cast(coalesce(sum(if(kind = 'sale', amount)), 0) as double) as gross_sales,
    cast(coalesce(sum(if(kind = 'return', -amount)), 0) as double) as returns,
    cast(coalesce(sum(if(kind = 'adjustment', amount)), 0) as double) as adjustments,
    cast(coalesce(sum(if(kind != 'write_off', amount)), 0) as double) as net_sales,
    count(distinct if(kind = 'sale', began)) as orders,
    count(distinct if(kind = 'return', began)) as cancellations,
    coalesce(sum(if(kind = 'sale', quantity)), 0) as units_sold,
    coalesce(sum(if(kind = 'return', -quantity)), 0) as units_returned,
    coalesce(sum(if(kind = 'write_off', -quantity)), 0) as units_written_off,
    count(distinct customer_id) as customers
from begun
group by 1, 2, 3
