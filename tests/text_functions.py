"""Text functions that count words: quick, plain to see through, and refuse one word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from platform_assets.core.settings import Settings
from platform_assets.processors.model import Entity, Reading

POISON = "unspeakable"


class WordFunctions:
    """Good and bad words make the sentiment, capitalised ones are names."""

    def __init__(self, version: str = "words-1", *, broken: bool = False) -> None:
        self.version = version
        self.routed = 0
        self._broken = broken

    def read(self, texts: Sequence[str]) -> list[Reading]:
        if self._broken or any(POISON in text for text in texts):
            raise ValueError("no words for it")
        return [self._reading(text) for text in texts]

    def entities(self, texts: Sequence[str]) -> list[list[Entity]]:
        self.routed += len(texts)
        return [
            [
                Entity("name", one.group(), one.start(), one.end(), 1.0)
                for one in re.finditer(r"\b[A-Z]\w+", text)
            ]
            for text in texts
        ]

    @staticmethod
    def _reading(text: str) -> Reading:
        score = text.count("good") - text.count("bad")
        feeling = "neutral" if not score else "positive" if score > 0 else "negative"
        return Reading("en" if text else "und", 1.0, feeling, min(1.0, abs(score) / 4))


def word_functions(_: Settings) -> WordFunctions:
    """The same by name, for processes that import them themselves."""
    return WordFunctions()
