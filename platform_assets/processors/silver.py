"""Silver's rows as processors read them: the texts of past days, through the lake's own table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.contracts.model import Contract
from platform_assets.core.settings import Settings
from platform_assets.processors.model import ProcessorError

if TYPE_CHECKING:
    from deltalake import DeltaTable


def open_silver(settings: Settings, contract: Contract) -> DeltaTable:
    """The silver table of a topic.

    Raises:
        ProcessorError: it is not there, or cannot be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    path = f"{settings.lake_root.rstrip('/')}/{contract.topic.silver.path}"
    try:
        return DeltaTable(path)
    except DeltaError as error:
        raise ProcessorError(
            f"{contract.topic.silver.sql} cannot be read: {str(error)[:200]}",
            "let the stream run publish its first micro-batch; check WEIR_LAKE_ROOT",
        ) from error
