"""Sentiment and names by a Hugging Face model in a folder; the one importer of transformers.

The folder is read as it is: no network, no code of the model's own, weights as safetensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from ml.text.backend import BackendError, feeling
from ml.text.results import LABELS, Entity, Kind, Label, Sentiment

_BATCH = 32
_OVERLAP = 32
"""Tokens that two windows of a long text share."""
_DECIMALS = 4
_LABELS: dict[str, Label] = {
    "negative": "negative", "neg": "negative", "label_0": "negative",
    "neutral": "neutral", "neu": "neutral", "label_1": "neutral",
    "positive": "positive", "pos": "positive", "label_2": "positive",
}  # fmt: skip
_KINDS: dict[str, Kind] = {
    "per": "person", "person": "person", "org": "organisation", "organization": "organisation",
    "loc": "place", "location": "place", "gpe": "place",
}  # fmt: skip
_OPTIONS = {"local_files_only": True, "trust_remote_code": False}


class HuggingFaceSentiment:
    """Judges texts; its labels say negative, neutral and positive, or are LABEL_0 to LABEL_2.

    Args:
        folder: with ``config.json``, a tokenizer and ``model.safetensors``.

    Raises:
        BackendError: it cannot be loaded, or has other labels.
    """

    def __init__(self, folder: Path) -> None:
        self._pipeline = _pipeline("text-classification", folder, top_k=None)
        self._labels = {
            label: _LABELS.get(label.lower())
            for label in self._pipeline.model.config.id2label.values()
        }
        if set(self._labels.values()) != set(LABELS):
            raise BackendError(
                f"{folder}: labels {', '.join(self._labels)}",
                f"expected a model with {', '.join(LABELS)}",
            )

    def judge(self, texts: Sequence[str], languages: Sequence[str]) -> list[Sentiment]:  # noqa: ARG002
        """For each text what its writer feels; a long one is judged by its beginning."""
        found = self._pipeline(list(texts), truncation=True, batch_size=_BATCH) if texts else []
        said = [{self._labels[one["label"]]: float(one["score"]) for one in some} for some in found]
        return [feeling([one[label] for label in LABELS]) for one in said]


class HuggingFaceEntities:
    """Finds persons, organisations and places (PER, ORG, LOC or GPE); other kinds are left out.

    Args:
        folder: with ``config.json``, a fast tokenizer and ``model.safetensors``.

    Raises:
        BackendError: it cannot be loaded, or knows none of these kinds.
    """

    def __init__(self, folder: Path) -> None:
        self._pipeline = _pipeline(
            "token-classification", folder, aggregation_strategy="first", stride=_OVERLAP
        )
        labels = {
            label.rpartition("-")[2].lower()
            for label in self._pipeline.model.config.id2label.values()
        }
        if not labels & _KINDS.keys():
            raise BackendError(
                f"{folder}: labels {', '.join(sorted(labels))}",
                "expected a model with PER, ORG and LOC",
            )

    def find(self, texts: Sequence[str], languages: Sequence[str]) -> list[list[Entity]]:  # noqa: ARG002
        """The entities of each text, in order."""
        # The library refuses a text of spaces.
        asked = [at for at, text in enumerate(texts) if text.strip()]
        found = self._pipeline([texts[at] for at in asked], batch_size=_BATCH) if asked else []
        by_place = dict(zip(asked, found, strict=True))
        return [
            [
                Entity(
                    _KINDS[one["entity_group"].lower()], int(one["start"]), int(one["end"]),
                    text[int(one["start"]) : int(one["end"])],
                    round(float(one["score"]), _DECIMALS),
                )
                for one in by_place.get(at, [])
                if one["entity_group"].lower() in _KINDS and one["end"] > one["start"]
            ]
            for at, text in enumerate(texts)
        ]  # fmt: skip


def _pipeline(task: str, folder: Path, **options: Any) -> Any:
    import transformers

    models = {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "token-classification": transformers.AutoModelForTokenClassification,
    }
    try:
        model = cast(Any, models[task]).from_pretrained(folder, use_safetensors=True, **_OPTIONS)
        tokenizer = cast(Any, transformers.AutoTokenizer).from_pretrained(folder, **_OPTIONS)
    except (OSError, ValueError, KeyError) as error:
        raise BackendError(
            f"{folder}: no model for {task}: {' '.join(str(error).split())[:200]}",
            "give a folder with config.json, a tokenizer and model.safetensors",
        ) from error
    return cast(Any, transformers.pipeline)(
        task, model=model.eval(), tokenizer=tokenizer, device=-1, **options
    )
