"""OData services, versions 2 and 4: entity sets in pages, by a cursor column or by delta links.

Belongs here: the reader, what ``$metadata`` says (:mod:`.metadata`), presets for services that
speak OData (:mod:`.presets`).
"""

from platform_assets.connectors.kinds.odata.config import ODataConfig, ODataStream
from platform_assets.connectors.kinds.odata.presets import PRESETS, preset_type
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: ODataConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.odata.reader import ODataReader

    return ODataReader(config, context)


TYPES = (
    ConnectorType(
        name="odata",
        title="OData service, version 2 or 4",
        kind=Kind.API,
        maturity=Maturity.EMULATOR,
        config=ODataConfig,
        open=_open,
        stream=ODataStream,
        loose=True,
    ),
    *(preset_type(preset) for preset in PRESETS),
)
