"""What a report's language is: its locale, and which way it is written.

Belongs here: reading BCP 47 tags. Does not belong here: what is written in them
(:mod:`reports.wording`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError

from platform_assets.core.errors import WeirError


class LanguageError(WeirError):
    """A text is no BCP 47 language that Babel knows."""


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """The locale of a BCP 47 language.

    Raises:
        LanguageError: it is malformed or unknown.
    """
    try:
        return Locale.parse(language.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        raise LanguageError(
            f"report language {language!r} is unknown", "write a BCP 47 tag such as en, de or ja"
        ) from None


def direction(language: str) -> Literal["ltr", "rtl"]:
    """Which way a BCP 47 language is written; ``ltr`` for one that is malformed or unknown."""
    try:
        return "rtl" if locale_of(language).text_direction == "rtl" else "ltr"
    except LanguageError:
        return "ltr"
