"""Models in the place of the registry's champions, where the settings name some.

``huggingface:FOLDER`` (:mod:`.hugging_face`) or ``kserve:URL/MODEL`` (:mod:`.kserve`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ml.text.backend import BackendError, EntityModel, SentimentModel

if TYPE_CHECKING:
    from platform_assets.core.settings import Settings

_HINT = "give huggingface:FOLDER or kserve:URL/MODEL, or nothing for the registry's champion"
_BLOCK = 2**20


def sentiment_backend(settings: Settings) -> tuple[SentimentModel, str] | None:
    """What the settings name for sentiment, with its version; None: the registry's champion.

    Raises:
        BackendError: it cannot be loaded.
    """
    kind, where = _named(settings.text_sentiment)
    if kind == "huggingface":
        from ml.text.hugging_face import HuggingFaceSentiment

        return HuggingFaceSentiment(Path(where)), _of_folder(where)
    if kind == "kserve":
        from ml.text.kserve import KServeSentiment

        remote = KServeSentiment.at(settings, where)
        return remote, remote.version
    return None


def entity_backend(settings: Settings) -> tuple[EntityModel, str] | None:
    """What the settings name for persons, organisations and places; see :func:`sentiment_backend`.

    Raises:
        BackendError: it cannot be loaded.
    """
    kind, where = _named(settings.text_entities)
    if kind == "huggingface":
        from ml.text.hugging_face import HuggingFaceEntities

        return HuggingFaceEntities(Path(where)), _of_folder(where)
    if kind == "kserve":
        from ml.text.kserve import KServeEntities

        remote = KServeEntities.at(settings, where)
        return remote, remote.version
    return None


def _named(spec: str) -> tuple[str, str]:
    kind, _, where = spec.partition(":")
    if spec and (kind not in {"huggingface", "kserve"} or not where):
        raise BackendError(f"{spec!r} names no model of texts", _HINT)
    return kind, where


def _of_folder(folder: str) -> str:
    """Names a model by its weights."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return f"huggingface {Path(folder).name} {digest.hexdigest()[:8]}"
