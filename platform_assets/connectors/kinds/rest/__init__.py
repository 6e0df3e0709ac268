"""REST APIs that answer with JSON, and the presets for well-known ones.

Belongs here: the engine's options (:mod:`.options`), how one page leads to the next
(:mod:`.pagination`), the reader, presets as data (:mod:`.presets`). Does not belong here: what
other protocols share (``connectors.http``).
"""

from platform_assets.connectors.kinds.rest.options import RestConfig, RestStream
from platform_assets.connectors.kinds.rest.preset_type import preset_type
from platform_assets.connectors.kinds.rest.presets import PRESETS
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open(config: RestConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.rest.reader import RestReader

    return RestReader(config, context)


TYPES = (
    ConnectorType(
        name="rest",
        title="REST API with JSON",
        kind=Kind.API,
        maturity=Maturity.EMULATOR,
        config=RestConfig,
        open=_open,
        stream=RestStream,
        loose=True,
    ),
    *(preset_type(preset) for preset in PRESETS),
)
