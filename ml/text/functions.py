"""Reading as the processors take it: a quick step for every text, the tagger where it pays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml.text.reader import Models, read
from platform_assets.processors.model import Entity, Reading

if TYPE_CHECKING:
    from ml.text import results
    from platform_assets.core.settings import Settings


class ReaderFunctions:
    """The functions of a :class:`~platform_assets.processors.model.Definition`; for one thread.

    Args:
        models: what is trained.
        version: names them.
    """

    def __init__(self, models: Models, version: str) -> None:
        self.version = version
        self._quick = replace(models, entities=None)
        self._costly = replace(models, sentiment=None)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Language and sentiment, and what rules find: money, dates, products."""
        return [_reading(one) for one in read(texts, self._quick)]

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        """What rules find, and persons, organisations and places, where a tagger is trained."""
        return [_entities(one) for one in read(texts, self._costly)]


def text_functions(settings: Settings) -> ReaderFunctions:
    """The functions with the champions of the registry.

    Raises:
        RegistryError: MLflow does not answer.
        ArtefactError: a champion's files are not those that were sealed.
        ModelError: a champion was made by another release.
    """
    from ml.text.published import load

    before = ""
    while (version := _version(settings)) != before:
        # Another champion may come while they load.
        before, models = version, load(settings)
    return ReaderFunctions(models, version)


def _version(settings: Settings) -> str:
    from ml.text.published import champions

    serving = champions(settings).items()
    numbers = [f"{model} {number or 'not trained'}" for model, number in serving]
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return ", ".join([*numbers, f"rules {digest.hexdigest()[:8]}"])


def _reading(found: results.Reading) -> Reading:
    language, feeling = found.language, found.sentiment
    return Reading(
        language.code,
        language.confidence,
        feeling.label if feeling else None,
        feeling.intensity if feeling else None,
        _entities(found),
    )


def _entities(found: results.Reading) -> tuple[Entity, ...]:
    return tuple(
        Entity(one.kind, one.text, one.start, one.end, one.confidence, one.value)
        for one in found.entities
    )
