{{ config(
    unique_key=['hour', 'source_topic', 'language', 'sentiment', 'log_partition'],
    topics=['processed_feedback'], tags=['fresh'],
    partitioning=['month(event_date)']
) }}
-- depends_on: {{ ref('stg_feedback') }}
-- Without the view, which has no offsets, Dagster would build this one before there is data.
-- Trino rounds to milliseconds: the last half of one of a day stays within its date.
-- Silver takes each partition of the log in order. So last_offset says what of a date is in here:
-- all up to it, and nothing after it. gold.feedback.sentiment_live adds what comes after.
select
    date_trunc('hour', least(
        cast(timestamp as timestamp(6) with time zone),
        with_timezone(cast(event_date as timestamp(6)) + interval '86399.999' second, 'UTC')
    )) as hour,
    event_date,
    source_topic,
    language,
    coalesce(sentiment, 'unknown') as sentiment,
    cast(_kafka_partition as bigint) as log_partition,
    max(_kafka_offset) as last_offset,
    count(*) as texts,
    cast(sum(cast(coalesce(intensity, 0) as decimal(18, 9))) as double) as intensity
from {{ source('silver_processed', 'feedback') }}
where {{ touched() }}
group by 1, 2, 3, 4, 5, 6
