-- Hours of the web shop: revenue and purchases.
select
    event_date as day,
    hour,
    cast(total_revenue as decimal(18, 4)) as revenue,
    purchases
from {{ table('gold.commerce.revenue_per_hour') }}
