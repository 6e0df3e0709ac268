{#- Generic tests: one query each over many columns, where dbt's own would ask once a column. -#}

{#- No two rows share these columns, and none of them is null. -#}
{% test unique_grain(model, columns) %}
select {{ columns | join(', ') }}, count(*) as rows_found
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
  {%- for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}

{#- None of these columns is null. -#}
{% test complete(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
{% endtest %}

{#- The condition holds (is not false) for every row. -#}
{% test holds(model, condition) %}
select * from {{ model }} where not ({{ condition }})
{% endtest %}
