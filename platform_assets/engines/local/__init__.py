"""The local engine: Polars and delta-rs, in one process.

Belongs here: what only this engine needs. Does not belong here: what both engines share
(:mod:`platform_assets.engines`). Start at :mod:`.engine`.
"""
