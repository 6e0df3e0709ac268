"""Errors of the features.

Belongs here: the one class. Does not belong here: anything that raises it.
"""

from __future__ import annotations

from platform_assets.errors import WeirError


class FeatureError(WeirError):
    """Features cannot be computed, read or written; names the table and what to do."""
