"""Errors of the features."""

from __future__ import annotations

from platform_assets.core.errors import WeirError


class FeatureError(WeirError):
    """Features cannot be computed, read or written; names the table and what to do."""
