"""Contracts -> Great Expectations suites -> blocking checks and data docs.

Belongs here: what a table must satisfy after its rows were published, and how that is said
(outcomes, checks, documents). Does not belong here: the row rules that send a row to
quarantine (``silver/transform.py`` applies them in the engine), or writing tables.
``gx.py`` is the only importer of Great Expectations. Next room: maintenance.
"""
