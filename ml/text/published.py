"""What reads now: the champions of the registry, or what the settings name in their place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ml.store.artefact import artefact_key, load_tensors, open_artefact
from ml.store.registry import CHAMPION, Registry
from ml.text.chosen import entity_backend, sentiment_backend
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
        settings: where the registry is, and other models than its champions.
        products: names to look for.

    Raises:
        RegistryError: MLflow does not answer.
        ArtefactError: a champion's files are not those that were sealed.
        ModelError: a champion was made by another release.
        BackendError: another model cannot be loaded.
    """
    return load_named(settings, products)[0]


def load_named(settings: Settings, products: Iterable[str] = ()) -> tuple[Models, str]:
    """As :func:`load`, and which models they are, in words."""
    judge, tagger = sentiment_backend(settings), entity_backend(settings)
    named = {SENTIMENT: judge[1] if judge else "", ENTITIES: tagger[1] if tagger else ""}
    own = [model for model, other in named.items() if not other]
    loaded: dict[str, Parts | None] = {}
    numbers: dict[str, int | None] | None = None
    # Another champion may come while they load.
    while own and (serving := champions(settings)) != numbers:
        numbers = serving
        loaded = {model: _champion(settings, model) for model in own}
    feelings, names = loaded.get(SENTIMENT), loaded.get(ENTITIES)
    models = Models(
        judge[0] if judge else Judge.of(feelings) if feelings else None,
        tagger[0] if tagger else Tagger.of(names) if names else None,
        Catalogue(products),
    )
    told = [
        f"{model} {other or (numbers or {}).get(model) or 'not trained'}"
        for model, other in named.items()
    ]
    return models, ", ".join(told)


def _champion(settings: Settings, model: str) -> Parts | None:
    version = Registry(settings).find(model, CHAMPION)
    if version is None:
        return None
    return parts(open_artefact(version.artefact, artefact_key(settings)))


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
