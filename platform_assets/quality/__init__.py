"""Contracts -> Great Expectations suites -> blocking checks and data docs.

Belongs here: what a table must satisfy after its rows were published, and how that is said
(outcomes, checks, documents). Does not belong here: the row rules that send a row to
quarantine (:mod:`platform_assets.transform`), asset checks
(:mod:`platform_assets.graph.checks`), or writing
tables. :mod:`.gx` is the only importer of Great Expectations.
"""
