"""Source instances: one folder each, with the Dagster component that runs it (``defs.yaml``).

Belongs here: what a source instance is called, what feeds it and which topics it feeds, and
its mapping to the envelope. Does not belong here: reading or sending anything
(``connectors/``), tables. Next room: connectors.
"""
