"""Asset checks: what Dagster shows of a suite and of the balance, and when a suite runs.

Belongs here: check specs and results. Does not belong here: running a suite
(:mod:`platform_assets.quality`). Start at :mod:`.silver`.
"""
