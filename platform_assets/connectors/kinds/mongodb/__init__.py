"""Collections of MongoDB, and of what speaks its protocol, read in increments."""

from platform_assets.connectors.kinds.mongodb.config import MongoConfig, MongoStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: MongoConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.mongodb.reader import MongoReader

    return MongoReader(config, context)


TYPES = (
    ConnectorType(
        name="mongodb",
        title="Collections of MongoDB",
        kind=Kind.DOCUMENT,
        maturity=Maturity.CONFIGURED,
        config=MongoConfig,
        open=_open,
        stream=MongoStream,
        loose=True,
    ),
)
