"""The lake as Dagster sees it: assets, checks, partitions, long-lived runs, components, upkeep.

Belongs here: everything of the lake that imports Dagster. Does not belong here: what an asset does
(the room whose work it is), sensors (:mod:`sensors`), models (:mod:`ml.assets`) and reports
(:mod:`reports.assets`). Start at :mod:`.specs`.
"""
