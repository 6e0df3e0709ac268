"""The one way in: what every connector is, and how its rows reach the log exactly once.

Belongs here: the interface of a reader, the types of connectors, the columnar mapping, the cursor
and the transaction that carries it. Does not belong here: any one kind of source (``kinds``),
Dagster (``graph``), what becomes of the records (``streaming``).
"""
