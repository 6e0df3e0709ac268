-- Products of the web shop by day.
select
    event_date as day,
    concat('Product ', cast(product_id as varchar)) as product,
    cast(revenue as decimal(18, 4)) as revenue,
    purchases,
    views
from {{ table('gold.commerce.product_performance') }}
