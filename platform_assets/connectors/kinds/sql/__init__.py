"""Tables and queries of any database that SQLAlchemy speaks, read in increments."""

from platform_assets.connectors.kinds.sql.config import SqlConfig, SqlStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: SqlConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.sql.reader import SqlReader

    return SqlReader(config, context)


TYPES = (
    ConnectorType(
        name="sql",
        title="Database tables and queries (SQLAlchemy)",
        kind=Kind.DATABASE,
        maturity=Maturity.REAL,
        config=SqlConfig,
        open=_open,
        stream=SqlStream,
    ),
)
