"""The gold room: dbt models on Trino as assets, and how Trino sees the lake.

Belongs here: Trino's catalogs and access control, registration of Delta tables, the dbt
project's generated parts, fresh steps and the dbt assets. Does not belong here: what a
model computes (``dbt_project/``), bronze and silver (``engines/``, ``silver/``).
Only :mod:`platform_assets.graph.gold` imports Dagster. Next room: ``quality``.
"""
