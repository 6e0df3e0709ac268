{#-
  The incremental materialization: one atomic MERGE replaces whole dates.

  It takes the place of dbt-trino's, which makes a view, asks for its columns twice, merges and
  drops the view (some six statements), and whose merge cannot delete. Here the model's SQL is
  inlined, its columns come from the contract, and a row of a touched date that the model no
  longer yields is deleted by the same statement: Trino has no WHEN NOT MATCHED BY SOURCE, so the
  new rows are full-joined with the keys that the table holds for those dates.

  Config: unique_key (list), scope_column (the date column, or none to replace everything each
  time), topics (slugs that var changed_dates speaks of), partitioning (Iceberg transforms).
  Var fresh: true skips what only a new or changed model needs (does the table exist, contract
  check, new columns), for steps that follow each batch: they cost one statement a model. Var
  render_only: true writes that statement below the target folder and runs nothing, so that steps
  need no dbt (docs/adr/0043-a-fresh-step-needs-no-dbt.md).
  docs/adr/0030-gold-merges-whole-dates.md says why.
-#}
{% materialization incremental, adapter='trino', supported_languages=['sql'] %}
  {%- set target = this.incorporate(type='table') -%}
  {%- set fresh = var('fresh', false) -%}
  {%- set existing = target if fresh else load_cached_relation(this) -%}
  {%- set grant_config = config.get('grants') -%}
  {%- if existing is not none and not existing.is_table -%}
    {%- do adapter.drop_relation(existing) -%}
    {%- set existing = none -%}
  {%- endif -%}

  {{ run_hooks(pre_hooks) }}

  {%- if var('render_only', false) %}
    {%- call noop_statement('main', 'rendered') -%}{{ weir_merge(target, sql) }}{%- endcall %}
  {%- elif existing is not none and should_full_refresh() %}
    {#- One statement, so that readers see the old rows or the new ones. -#}
    {%- call statement('main') -%}{{ weir_replace_table(target, sql) }}{%- endcall %}
    {%- do persist_docs(target, model) -%}
  {%- else %}
    {%- if existing is none %}
      {%- call statement('create') -%}{{ weir_create_table(target, sql) }}{%- endcall %}
    {%- elif not fresh %}
      {%- do weir_follow_contract(target, sql) -%}
    {%- endif %}
    {%- call statement('main') -%}{{ weir_merge(target, sql) }}{%- endcall %}
  {%- endif %}

  {{ run_hooks(post_hooks) }}
  {%- do apply_grants(target, grant_config, should_revoke=false) -%}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}


{% macro weir_properties() -%}
  with (
    format = 'PARQUET',
    format_version = 2,
    -- Each step is a commit: old metadata files go by themselves.
    extra_properties = map(
      array['write.metadata.delete-after-commit.enabled', 'write.metadata.previous-versions-max'],
      array['true', '20']
    )
    {%- if config.get('partitioning') %},
    partitioning = array[{% for part in config.get('partitioning') %}'{{ part }}'{{ ", " if not loop.last }}{% endfor %}]
    {%- endif %}
  )
{%- endmacro %}

{% macro weir_text(text) -%}'{{ text | trim | replace("'", "''") }}'{%- endmacro %}

{% macro weir_create_table(relation, sql) %}
  {{ get_assert_columns_equivalent(sql) }}
  create table if not exists {{ relation }} (
    {%- for column in model.columns.values() %}
    {{ column.name }} {{ column.data_type }} comment {{ weir_text(column.description) }}
    {{- "," if not loop.last }}
    {%- endfor %}
  )
  comment {{ weir_text(model.description) }}
  {{ weir_properties() }}
{% endmacro %}

{% macro weir_replace_table(relation, sql) %}
  {{ get_assert_columns_equivalent(sql) }}
  create or replace table {{ relation }}
  comment {{ weir_text(model.description) }}
  {{ weir_properties() }}
  as
  select
    {%- for column in model.columns.values() %}
    cast({{ column.name }} as {{ column.data_type }}) as {{ column.name }}{{ "," if not loop.last }}
    {%- endfor %}
  from (
    {{ sql }}
  )
{% endmacro %}

{#- Check the model against its contract and add the columns that the table lacks. -#}
{% macro weir_follow_contract(relation, sql) %}
  {%- set checked = get_assert_columns_equivalent(sql) -%}
  {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- for column in model.columns.values() if column.name not in present -%}
    {%- do run_query(
      "alter table " ~ relation ~ " add column if not exists " ~ column.name ~ " "
      ~ column.data_type ~ " comment " ~ weir_text(column.description)) -%}
  {%- endfor -%}
{% endmacro %}

{% macro weir_merge(relation, sql) %}
  {%- set keys = config.require('unique_key') -%}
  {%- set names = model.columns.values() | map(attribute='name') | list -%}
  {%- set rest = names | reject('in', keys) | list -%}
  {%- set scope = config.get('scope_column') -%}
  {%- set within = touched(scope) if scope else 'true' -%}
  {%- set within_target = touched('target.' ~ scope) if scope else 'true' -%}
  merge into {{ relation }} as target
  using (
    with computed as (
      select
        {%- for column in model.columns.values() %}
        cast({{ column.name }} as {{ column.data_type }}) as {{ column.name }},
        {%- endfor %}
        true as _present
      from (
        {{ sql }}
      )
    ),
    held as (
      select {{ keys | join(', ') }} from {{ relation }} where {{ within }}
    )
    select
      {%- for key in keys %}
      coalesce(computed.{{ key }}, held.{{ key }}) as {{ key }},
      {%- endfor %}
      {%- for name in rest %}
      computed.{{ name }},
      {%- endfor %}
      computed._present is null as _gone
    from computed
    full outer join held
      on {% for key in keys %}computed.{{ key }} = held.{{ key }}{{ " and " if not loop.last }}{% endfor %}
  ) as source
  on {{ within_target }}
    {%- for key in keys %}
    and target.{{ key }} = source.{{ key }}
    {%- endfor %}
  when matched and source._gone then delete
  {%- if rest %}
  when matched and (
    {%- for name in rest %}
    target.{{ name }} is distinct from source.{{ name }}{{ " or" if not loop.last }}
    {%- endfor %}
  ) then update set
    {%- for name in rest %}
    {{ name }} = source.{{ name }}{{ "," if not loop.last }}
    {%- endfor %}
  {%- endif %}
  when not matched and not source._gone then insert ({{ names | join(', ') }})
    values ({% for name in names %}source.{{ name }}{{ ", " if not loop.last }}{% endfor %})
{% endmacro %}
