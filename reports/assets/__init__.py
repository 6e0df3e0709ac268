"""Reports as assets.

Belongs here: how a report appears in Dagster and when it is made. Does not belong here: what a
stage does (:mod:`reports.make`), what a report is (:mod:`reports.definition`).
"""
