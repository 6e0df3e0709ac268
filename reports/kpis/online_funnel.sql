-- Days of the web shop: events of each step of the funnel.
select
    event_date as day,
    views,
    carts,
    purchases
from {{ table('gold.commerce.conversion_rate') }}
where grain = 'daily'
