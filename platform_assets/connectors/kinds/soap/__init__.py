"""SOAP services, from their WSDL: an operation's result as records, in pages and increments."""

from platform_assets.connectors.kinds.soap.config import SoapConfig, SoapStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: SoapConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.soap.reader import SoapReader

    return SoapReader(config, context)


TYPES = (
    ConnectorType(
        name="soap",
        title="SOAP service, from its WSDL",
        kind=Kind.API,
        maturity=Maturity.EMULATOR,
        config=SoapConfig,
        open=_open,
        stream=SoapStream,
        loose=True,
    ),
)
