"""Models that look after themselves: features, training, registry, drift, canary, anomaly, text.

Belongs here: everything between a table and a prediction, one package a kind of model. Does not
belong here: what a table holds (``platform_assets/``), reports over predictions (``reports/``) and
when something runs (``sensors/``). Each package is a library without Dagster; start at its
docstring.
"""
