"""Silver: typed, checked, deduplicated, merged.

Belongs here: the transformation over Narwhals frames, written once for both engines, and the
assets that publish a window's rows again. Does not belong here: reading and writing
(``engines/``), the ledger (``streaming/``). Next rooms: quality, gold.
"""
