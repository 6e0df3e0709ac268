{#- Generated from the contracts by platform_assets.gold.dbt_sources; do not edit. -#}
select
    event_id,
    ticket_id,
    user_id,
    email,
    language,
    channel,
    priority,
    subject,
    body,
    cast(timestamp as timestamp(6) with time zone) as timestamp,
    event_date
from {{ source('silver_feedback', 'support_tickets') }}
