"""GraphQL APIs: a query whose variables are the page and what is new, answered in connections."""

from platform_assets.connectors.http.client import HttpConfig
from platform_assets.connectors.kinds.graphql.config import GraphqlStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: HttpConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.graphql.reader import GraphqlReader

    return GraphqlReader(config, context)


TYPES = (
    ConnectorType(
        name="graphql",
        title="GraphQL API",
        kind=Kind.API,
        maturity=Maturity.EMULATOR,
        config=HttpConfig,
        open=_open,
        stream=GraphqlStream,
        loose=True,
    ),
)
