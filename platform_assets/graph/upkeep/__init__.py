"""Upkeep of tables and of Dagster's own runs: compaction, retention, expiry.

Belongs here: the work and the assets and schedules that ask for it. Does not belong here: writing
tables. Start at :mod:`.assets`.
"""
