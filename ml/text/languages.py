"""In which language a text is written: by py3langid, whose weights are in its wheel (ADR 0610)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from ml.text.results import UNKNOWN, Language
from ml.text.tokens import has_letters, printable

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGES = (
    "ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "hi", "hr", "hu", "id", "it", "ja",
    "ko", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sr", "sv", "tl", "tr", "uk", "zh",
)  # fmt: skip
"""Codes that are told apart; fewer choices make fewer mistakes in short texts."""

_NOISE = re.compile(r"https?://\S+|www\.\S+|[@#]\w+|\bhttp\b")
_LONGEST = 2_000
"""Characters that are looked at; more do not change the answer."""


def identify(texts: Sequence[str]) -> list[Language]:
    """The language of each text, in order; addresses, mentions and hashtags are left out.

    A text without letters is ``und`` with confidence 0. Serbian in Latin letters is mostly called
    ``hr``.
    """
    return [_one(text) for text in texts]


def _one(text: str) -> Language:
    cleaned = _NOISE.sub(" ", printable(text[:_LONGEST]))
    if not has_letters(cleaned):
        return Language(UNKNOWN, 0.0)
    code, confidence = _identifier().classify(cleaned)
    return Language(str(code), min(1.0, max(0.0, float(confidence))))


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
