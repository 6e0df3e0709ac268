{#-
  Which dates a run recomputes.

  Whoever knows what changed (silver, by the ledger) says so:
    --vars '{"changed_dates": {"commerce_clickstream": ["2026-11-01"]}}'
  Without it, or where the table is new, a run recomputes every date. That is always right, if
  dearer; it is what the scheduled full build does.
-#}

{#- The dates for these topics (slugs), or none for "all of them". -#}
{% macro changed_dates(topics) %}
  {%- set told = var('changed_dates', none) -%}
  {#- A fresh step knows that the table is there, and saves asking. -#}
  {%- if told is none or not (var('fresh', false) or is_incremental()) -%}
    {{ return(none) }}
  {%- endif -%}
  {%- set dates = [] -%}
  {%- for topic in topics -%}
    {%- for day in told.get(topic, []) -%}
      {%- if not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', day) -%}
        {{ exceptions.raise_compiler_error(
          "changed_dates." ~ topic ~ ": " ~ day ~ " is not a date of the form YYYY-MM-DD") }}
      {%- endif -%}
      {%- if day not in dates -%}{%- do dates.append(day) -%}{%- endif -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(dates | sort) }}
{% endmacro %}

{#- SQL that is true for the rows to recompute. Literals, so that Trino skips other files. -#}
{% macro touched(column='event_date', topics=none) -%}
  {%- set dates = changed_dates(topics or config.get('topics', [])) -%}
  {%- if dates is none -%}true
  {%- elif dates | length == 0 -%}false
  {%- else -%}
    {{ column }} in ({% for day in dates %}date '{{ day }}'{{ ", " if not loop.last }}{% endfor %})
  {%- endif -%}
{%- endmacro %}
