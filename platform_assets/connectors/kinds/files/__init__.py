"""Files in folders and buckets, read in order of name, each to where it was read last.

Belongs here: places, formats, packing, and how far each file was read. Does not belong here:
mappings, Kafka (``seam``); the daily files of ``FileSource``, which keep their own ledger.
"""

from platform_assets.connectors.kinds.files.types import TYPES

__all__ = ["TYPES"]
