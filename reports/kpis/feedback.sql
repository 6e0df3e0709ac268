-- Feedback by day of UTC and language.
select
    feedback_date as day,
    language,
    reviews,
    cast(rating_1 + 2 * rating_2 + 3 * rating_3 + 4 * rating_4 + 5 * rating_5 as double) as stars,
    rating_1,
    rating_5,
    tickets,
    urgent_tickets
from {{ table('gold.feedback.feedback_daily') }}
