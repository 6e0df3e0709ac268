"""What keeps tables and Dagster's storage small and quick, as plain functions.

Belongs here: compaction, vacuum and retention of Delta tables, upkeep of Iceberg tables
through Trino, retention of Dagster's runs. Does not belong here: assets, jobs and schedules
(``maintenance.py``), or any change of what a table says. Next room: gold.
"""
