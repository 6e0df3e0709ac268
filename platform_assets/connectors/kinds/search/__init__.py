"""Documents of Elasticsearch and OpenSearch, in the order of a field that grows."""

from platform_assets.connectors.http.client import HttpConfig
from platform_assets.connectors.kinds.search.config import SearchStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: HttpConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.search.reader import SearchReader

    return SearchReader(config, context)


TYPES = tuple(
    ConnectorType(
        name=name,
        title=f"Documents of {title}",
        kind=Kind.DOCUMENT,
        maturity=Maturity.CONFIGURED,
        config=HttpConfig,
        open=_open,
        stream=SearchStream,
        loose=True,
    )
    for name, title in (("elasticsearch", "Elasticsearch"), ("opensearch", "OpenSearch"))
)
