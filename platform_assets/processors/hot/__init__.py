"""The hot path: what the speed layer found, in PostgreSQL, to be read while it is new.

Belongs here: the tables (database ``live``), what fills them from a processor's output, what a
dashboard and Prometheus ask of them. Does not belong here: making results (:mod:`..transform`).
"""
