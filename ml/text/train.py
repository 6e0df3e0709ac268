"""Which models a folder of labelled texts can train, and their training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ml.text.corpora import CorpusError
from ml.text.trained import ENTITIES, SENTIMENT, Trained

if TYPE_CHECKING:
    from ml.store.registry import Version
    from platform_assets.core.settings import Settings

WANTED = {SENTIMENT: "*/train.csv", ENTITIES: "*.iob2"}
HINT = (
    "put labelled texts there: <language>/train.csv and valid.csv (columns text and label) for "
    "sentiment, <language>_<source>.iob2 (Universal NER) for entities"
)


def corpora(folder: Path) -> dict[str, Path]:
    """The folders with labelled texts by the model they train: this one, or those right in it.

    Raises:
        CorpusError: there are none.
    """
    places = [folder, *sorted(one for one in folder.glob("*") if one.is_dir())]
    found = {
        model: next((place for place in places if any(place.glob(pattern))), None)
        for model, pattern in WANTED.items()
    }
    there = {model: place for model, place in found.items() if place is not None}
    if not there:
        raise CorpusError(f"{folder} holds no labelled texts", HINT)
    return there


def train(model: str, folder: Path) -> Trained:
    """Train one model; the same data gives the same model, bit for bit.

    Args:
        model: ``text_sentiment`` or ``text_entities``.
        folder: as :func:`corpora` gives it.

    Raises:
        CorpusError: the folder's files cannot be read, or hold too little.
    """
    from ml.text import entity_training, sentiment_training

    trainings = {SENTIMENT: sentiment_training.train, ENTITIES: entity_training.train}
    return trainings[model](folder)


def train_and_publish(
    settings: Settings, model: str, folder: Path, tags: Mapping[str, str]
) -> tuple[Trained, Version, str]:
    """Train, seal, register; the last value is ``champion`` or ``challenger``.

    Raises:
        CorpusError: as :func:`train`.
        RegistryError: the registry is out of reach.
    """
    from ml.text.publish import publish

    trained = train(model, folder)
    return trained, *publish(settings, trained, tags)
