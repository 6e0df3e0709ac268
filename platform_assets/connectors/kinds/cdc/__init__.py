"""Changes of databases: Debezium on Kafka Connect writes them to raw topics, read here as a log.

Belongs here: one table of the databases that Debezium speaks (:mod:`.dialects`), Connect's REST
(:mod:`.worker`), events as pages (:mod:`.events`), what is asked of the database itself
(:mod:`.postgresql`). Does not belong here: the worker as a server (``platform_assets.local``).
"""

from functools import partial

from platform_assets.connectors.kinds.cdc.dialects import DIALECTS, CdcConfig, CdcStream, Dialect
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind


def _open(dialect: Dialect, config: CdcConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.cdc.reader import CdcReader

    return CdcReader(dialect, config, context)


TYPES = tuple(
    ConnectorType(
        name=dialect.name,
        title=dialect.title,
        kind=Kind.DATABASE,
        maturity=dialect.maturity,
        config=CdcConfig,
        open=partial(_open, dialect),
        stream=CdcStream,
        live=True,
    )
    for dialect in DIALECTS
)
