"""Sources to canonical events on Kafka: topics, schemas, envelopes, producers, the simulator.

Belongs here: everything between a source and the log. Does not belong here: Dagster (never
imported), what a topic holds (contracts), what becomes of its records (bronze, silver).
Next rooms: sources (Dagster components over these connectors), bronze.
"""
