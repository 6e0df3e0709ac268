-- Hours of the web shop: revenue and purchases.
select
    hour,
    cast(total_revenue as decimal(18, 4)) as revenue,
    purchases
from {{ table('gold.commerce.revenue_per_hour') }}
