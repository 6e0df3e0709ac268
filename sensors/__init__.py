"""Sensors: micro-batches, windows, trials, failures, health; and who is told.

Belongs here: what watches and asks for runs or sends word. Does not belong here: what the
runs do (``platform_assets/``).
"""
