-- Products of the web shop by hour.
select
    hour,
    concat('Product ', cast(product_id as varchar)) as product,
    cast(revenue as decimal(18, 4)) as revenue,
    purchases,
    views
from {{ table('gold.commerce.products_per_hour') }}
