"""Exact micro-batches: ledger, locks, the batch itself and the loop that runs it.

Belongs here: what decides which records form a micro-batch, and that each lands exactly
once. Does not belong here: Dagster (``bronze/``, ``silver/``, ``sensors/`` wrap this room),
reading, decoding or writing tables (``engines/``), rules (``silver/transform.py``).
Next room: engines.
"""
