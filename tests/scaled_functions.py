"""Text functions by name, for processes that import them themselves."""

from __future__ import annotations

from platform_assets.core.settings import Settings
from tests.text_functions import WordFunctions


def word_functions(_: Settings) -> WordFunctions:
    """Those that count words."""
    return WordFunctions()
