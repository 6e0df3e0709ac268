"""Streams of Redis and Valkey: the last entry's id is the cursor, so each comes exactly once."""

from platform_assets.connectors.kinds.redis_streams.config import RedisConfig, RedisStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: RedisConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.redis_streams.reader import RedisReader

    return RedisReader(config, context)


TYPES = (
    ConnectorType(
        name="redis_streams",
        title="Streams of Redis or Valkey",
        kind=Kind.STREAM,
        maturity=Maturity.REAL,
        config=RedisConfig,
        open=_open,
        stream=RedisStream,
        loose=True,
        live=True,
    ),
)
