"""The champions of the registry, ready to read with; what is not trained stays out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ml.store.artefact import artefact_key, load_tensors, open_artefact
from ml.store.registry import CHAMPION, Registry
from ml.text.entities import Tagger
from ml.text.products import Catalogue
from ml.text.reader import Models
from ml.text.sentiment import Judge
from ml.text.trained import ENTITIES, SENTIMENT, Parts

if TYPE_CHECKING:
    from ml.store.artefact import Artefact
    from platform_assets.core.settings import Settings


def load(settings: Settings, products: Iterable[str] = ()) -> Models:
    """What serves now; load it once and keep it, and again after a training.

    Args:
        settings: where the registry is.
        products: names to look for.

    Raises:
        RegistryError: MLflow does not answer.
        ArtefactError: a champion's files are not those that were sealed.
        ModelError: a champion was made by another release.
    """
    registry, key = Registry(settings), artefact_key(settings)

    def champion(model: str) -> Parts | None:
        version = registry.find(model, CHAMPION)
        return parts(open_artefact(version.artefact, key)) if version else None

    feelings, names = champion(SENTIMENT), champion(ENTITIES)
    return Models(
        Judge.of(feelings) if feelings else None,
        Tagger.of(names) if names else None,
        Catalogue(products),
    )


def champions(settings: Settings) -> dict[str, int | None]:
    """The version of each model that serves now; None: it is not trained.

    Raises:
        RegistryError: MLflow does not answer.
    """
    registry = Registry(settings)
    found = {model: registry.find(model, CHAMPION) for model in (SENTIMENT, ENTITIES)}
    return {model: one.number if one else None for model, one in found.items()}


def parts(artefact: Artefact) -> Parts:
    """What was sealed, verified once more as it is read.

    Raises:
        ArtefactError: a file changed.
    """
    documents = {
        name.removesuffix(".json"): json.loads(artefact.read(name))
        for name in artefact.hashes
        if name.endswith(".json")
    }
    return Parts(load_tensors(artefact), documents)
