"""The languages that the template writes."""

from __future__ import annotations

from reports.guard.language import primary
from reports.narrative.phrases import Phrases
from reports.narrative.sentences.arabic import ARABIC
from reports.narrative.sentences.english import ENGLISH
from reports.narrative.sentences.german import GERMAN
from reports.narrative.sentences.japanese import JAPANESE

PHRASES = {"en": ENGLISH, "de": GERMAN, "ja": JAPANESE, "ar": ARABIC}
"""By language without region."""


def language_of(language: str) -> str:
    """The language that the template writes for a BCP 47 tag: its own if known, else English."""
    return language if primary(language) in PHRASES else "en"


def phrases_of(language: str) -> Phrases:
    """The sentences of a BCP 47 language, in English where there are none."""
    return PHRASES.get(primary(language), ENGLISH)
