-- Hours of the web shop: events of each step of the funnel.
select
    period_start as hour,
    views,
    carts,
    purchases
from {{ table('gold.commerce.conversion_rate') }}
where grain = 'hourly'
