"""Bronze rows to silver rows, written once for every engine over Narwhals frames.

Belongs here: rules, deduplication, shapes, versions of a change topic's rows. Does not belong here:
reading or writing a table (:mod:`platform_assets.engines`). Start at :mod:`.rows`.
"""
