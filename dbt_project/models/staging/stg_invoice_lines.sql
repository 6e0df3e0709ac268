{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    invoice_no,
    line_no,
    stock_code,
    description,
    quantity,
    unit_price,
    cast(invoice_date as timestamp(6) with time zone) as invoice_date,
    customer_id,
    country,
    event_date
from {{ source('silver_retail', 'invoice_lines') }}
