"""What a language model adds to understood texts: summaries, regulatory notes, risk flags, cited.

Belongs here: which texts it is asked about, how they are packed into requests, what its answers
must stand on, what they may cost, and what is said without them. Does not belong here: how a single
text is understood (``ml/text/``), the endpoint itself (:mod:`reports.narrative.endpoint`),
documents (``reports/knowledge/``), Dagster (``reports/assets/``).

Start at :mod:`.enrich`: ``enrich(texts, ...)`` gives the insights of a day.
"""
