-- Visits to the web shop.
select
    session_start as at,
    user_id,
    duration_seconds,
    purchases
from {{ table('gold.commerce.sessions') }}
