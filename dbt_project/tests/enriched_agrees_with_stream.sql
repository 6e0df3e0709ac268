{{ config(meta={'dagster': {'ref': {'name': 'feedback_daily'}}}) }}
-- What a processor wrote of a review as it came is what SQL reads of the batch step's row, where
-- the same version of the functions wrote both.
select
    stream.source_event_id,
    stream.sentiment,
    {{ ai_sentiment('review') }} as enriched_sentiment,
    stream.entities,
    review_ai.entities as enriched_entities
from {{ ref('stg_feedback') }} stream
join {{ ref('stg_reviews') }} review
    on stream.source_topic = 'feedback.reviews'
    and review.event_id = stream.source_event_id
    and review.event_date = stream.event_date
{{ ai_join('review', 'feedback.reviews') }}
where stream.functions = review_ai.functions
    and (
        stream.sentiment is distinct from {{ ai_sentiment('review') }}
        or stream.language is distinct from review_ai.language
        or stream.route is distinct from review_ai.route
        or abs(stream.intensity - review_ai.intensity) > 0.0002
        or {{ ai_places('stream.entities') }} is distinct from {{ ai_places('review_ai.entities') }}
    )
