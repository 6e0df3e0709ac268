"""Changes of databases: Debezium on Kafka Connect writes them to raw topics, read here as a log.

Belongs here: one table of the databases that Debezium speaks (:mod:`.dialects`), Connect's REST
(:mod:`.worker`), events as pages (:mod:`.events`), what is asked of the database itself
(:mod:`.postgresql`). Does not belong here: the worker as a server (``platform_assets.local``).
"""

from platform_assets.connectors.kinds.cdc.dialects import DIALECTS
from platform_assets.connectors.kinds.cdc.reader import connector_type_of

TYPES = tuple(connector_type_of(dialect) for dialect in DIALECTS)
