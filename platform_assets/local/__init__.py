"""The local profile's servers: fetch, start, wait, stop.

Belongs here: everything that puts Kafka, the schema registry, PostgreSQL, Trino, Dagster and,
where asked, Spark Connect on this machine's loopback and takes them away again.
Does not belong here: Dagster imports (its processes are started as commands), topics,
tables, contracts. A cluster needs nothing of this room. Next room: the command line.

Public surface: :mod:`fetch` (jars and servers into the cache), :mod:`supervise` (start, stop,
restart, status), :mod:`servers` (the catalogue), :mod:`wait` (await a condition).
"""
