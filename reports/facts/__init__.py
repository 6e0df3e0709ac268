"""Facts: every number of a report, with query, snapshot and the rows behind it.

Belongs here: reading and computing numbers. Does not belong here: words about them
(:mod:`reports.narrative`) and whether words are true (:mod:`reports.guard`).
"""
