"""The models as assets: one module a concern, each ``build_*_definitions() -> dg.Definitions``.

Belongs here: assets, checks and jobs over the libraries of ``ml/``; the only part of ``ml/`` that
knows Dagster. Does not belong here: what is computed (the libraries) and when it runs
(``sensors/``).
"""
