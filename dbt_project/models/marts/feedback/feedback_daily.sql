{{ config(
    unique_key=['feedback_date', 'language'],
    topics=['feedback_reviews', 'feedback_support_tickets'],
    partitioning=['month(event_date)']
) }}
with both_kinds as (
    select
        event_date,
        language,
        rating,
        cast(null as varchar) as priority,
        1 as review,
        0 as ticket
    from {{ ref('stg_reviews') }}
    where {{ touched() }}
    union all
    select event_date, language, null, priority, 0, 1
    from {{ ref('stg_support_tickets') }}
    where {{ touched() }}
)
select
    event_date as feedback_date,
    event_date,
    coalesce(language, 'unknown') as language,
    sum(review) as reviews,
    avg(cast(rating as double)) as average_rating,
    count_if(rating = 1) as rating_1,
    count_if(rating = 2) as rating_2,
    count_if(rating = 3) as rating_3,
    count_if(rating = 4) as rating_4,
    count_if(rating = 5) as rating_5,
    sum(ticket) as tickets,
    count_if(priority = 'urgent') as urgent_tickets
from both_kinds
group by 1, 2, 3
