"""Reading as processors take it: a quick step, the tagger where it pays, studies of past days."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml.text.backend import BackendError
from ml.text.classify import Classifier
from ml.text.reader import NO_SENTIMENT, Models, read
from ml.text.sector import load_sector
from ml.text.study import study
from platform_assets.processors.model import Entity, ProcessorError, Reading

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
        """Language and sentiment, and what rules find: money, dates, products.

        Raises:
            ProcessorError: a model elsewhere does not answer; no text is to blame.
        """
        return [_reading(one) for one in _read(texts, self._quick)]

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        """What rules find, and persons, organisations and places, where a tagger is trained.

        Raises:
            ProcessorError: as :meth:`read`.
        """
        return [_entities(one) for one in _read(texts, self._costly)]


class Studies:
    """The studies of a derived table (``processors.model.StudyFunctions``); for one thread.

    Args:
        models: what is trained.
        classifier: of the sector.
        version: names both.
    """

    AT_ONCE = 500
    """Texts that are read together."""

    def __init__(self, models: Models, classifier: Classifier, version: str) -> None:
        self.version = version
        self._models, self._classifier = models, classifier

    def study(self, texts: Sequence[str], ids: Sequence[str]) -> list[dict[str, object]]:
        """The columns of each text; who repeats whom is told by the ids."""
        # Links need names; what its writer feels is the stream's.
        named, judged = replace(self._models, sentiment=None), self._models.sentiment is not None
        readings = [
            one
            for start in range(0, len(texts), self.AT_ONCE)
            for one in _read(texts[start : start + self.AT_ONCE], named)
        ]
        found: list[dict[str, object]] = []
        for one in study(texts, readings, self._classifier):
            missing = [said for said in one.missing if not (judged and said == NO_SENTIMENT)]
            first, near = one.duplicate_of, one.near_duplicate_of
            found.append(
                {
                    "category": one.category,
                    "category_confidence": one.category_confidence,
                    "key_phrases": _json(one.key_phrases),
                    "summary": one.summary,
                    "quality": one.quality,
                    "quality_reasons": _json(one.quality_reasons),
                    "duplicate_of": None if first is None else ids[first],
                    "near_duplicate_of": None if near is None else ids[near],
                    "links": _json([asdict(link) for link in one.links]),
                    "missing": _json(missing),
                }
            )
        return found


def study_functions(settings: Settings) -> Studies:
    """The studies with the champions of the registry and the sector of the settings.

    Raises:
        RegistryError: MLflow does not answer.
        ArtefactError: a champion's files are not those that were sealed.
        ModelError: a champion was made by another release.
        BackendError: a model that the settings name cannot be loaded.
        SectorError: the sector cannot be read.
    """
    from ml.text.published import load_named

    sector = load_sector(settings.text_sector)
    models, named = load_named(settings)
    version = f"sector {sector.name} {sector.digest}, {named}, {_rules()}"
    return Studies(models, Classifier.of(sector), version)


def text_functions(settings: Settings) -> ReaderFunctions:
    """The functions with the champions of the registry.

    Raises:
        RegistryError: MLflow does not answer.
        ArtefactError: a champion's files are not those that were sealed.
        ModelError: a champion was made by another release.
        BackendError: a model that the settings name cannot be loaded.
    """
    from ml.text.published import load_named

    models, named = load_named(settings)
    return ReaderFunctions(models, f"{named}, {_rules()}")


def _rules() -> str:
    """Names the code, which finds as much as the models do."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return f"rules {digest.hexdigest()[:8]}"


def _read(texts: Sequence[str], models: Models) -> list[results.Reading]:
    try:
        return read(texts, models)
    except BackendError as error:
        raise ProcessorError(error.message, error.hint) from error


def _json(values: Sequence[object]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


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
