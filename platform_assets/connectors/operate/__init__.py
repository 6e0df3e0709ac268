"""What people do with sources: see how they fare, begin one, repair one.

Belongs here: the state of all sources in one list, the entries of a type's configuration, drafts
of ``defs.yaml`` and contracts, resets, dead letters. Does not belong here: reading a source
(``seam``), tables of the shell (``cli``), Dagster (``graph``).
"""
