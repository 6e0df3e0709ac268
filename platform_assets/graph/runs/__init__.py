"""Runs that live for hours: the stream and fresh gold.

Belongs here: hosting a loop inside a Dagster run and logging few events of it. Does not belong
here: the loop's work (:mod:`platform_assets.streaming`, :mod:`platform_assets.gold`), keeping a
run alive (:mod:`sensors`). Start at :mod:`.stream`.
"""
