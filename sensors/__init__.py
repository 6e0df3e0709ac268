"""Sensors: micro-batches, windows, drift, trials, anomalies, failures, health; and who is told.

Belongs here: what watches and asks for runs or sends word. Does not belong here: what the runs do
(``platform_assets/``, ``ml/assets/``), whether there is a reason (``ml/``).
"""
