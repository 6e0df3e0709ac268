{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    invoice_no,
    line_no,
    stock_code,
    description,
    quantity,
    unit_price,
    least(cast(invoice_date as timestamp(6) with time zone), with_timezone(cast(event_date as timestamp(6)) + interval '86399.999' second, 'UTC')) as invoice_date,
    customer_id,
    country,
    event_date
from {{ source('silver_retail', 'invoice_lines') }}
