{#-
  What is understood of texts, in SQL: joins on the rows that the batch step wrote, never a call
  of a model for a row inside Trino.

    select r.event_id, {{ ai_sentiment('r') }} as sentiment, {{ ai_extract('r', 'place') }} as places
    from {{ ref('stg_reviews') }} r
    {{ ai_join('r', 'feedback.reviews') }}

  A text of a day that is not enriched yet has null everywhere.
-#}

{#- The join: alias of the relation that holds the texts' events, and their topic. -#}
{% macro ai_join(alias, topic) -%}
left join {{ ref('stg_enriched') }} {{ alias }}_ai
    on {{ alias }}_ai.source_topic = '{{ topic }}'
    and {{ alias }}_ai.source_event_id = {{ alias }}.event_id
    and {{ alias }}_ai.event_date = {{ alias }}.event_date
{%- endmacro %}

{#- positive, neutral or negative; null: no model could tell. -#}
{% macro ai_sentiment(alias) -%}{{ alias }}_ai.sentiment{%- endmacro %}

{#- The label of the sector, or unknown; with a probability, only where it is at least so sure. -#}
{% macro ai_classify(alias, least=none) -%}
{%- if least is none -%}{{ alias }}_ai.category
{%- else -%}if({{ alias }}_ai.category_confidence >= {{ least }}, {{ alias }}_ai.category, 'unknown')
{%- endif -%}
{%- endmacro %}

{#- What the text names of a kind (person, organisation, place, money, date, product): an array. -#}
{% macro ai_extract(alias, kind) -%}
transform(
    filter(
        cast(json_parse({{ alias }}_ai.entities) as array(map(varchar, json))),
        one -> cast(one['kind'] as varchar) = '{{ kind }}'
    ),
    one -> cast(one['text'] as varchar)
)
{%- endmacro %}

{#- Kind and place of every entity of a column of them, without how sure the tagger was. -#}
{% macro ai_places(entities) -%}
transform(
    cast(json_parse({{ entities }}) as array(map(varchar, json))),
    one -> row(cast(one['kind'] as varchar), cast(one['start'] as bigint), cast(one['end'] as bigint))
)
{%- endmacro %}
