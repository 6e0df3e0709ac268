"""A trained model of texts becomes a sealed version, and champion if it is better."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ml.rollout.change import promote
from ml.store.artefact import Field, Signature, artefact_key, seal, write_tensors
from ml.store.registry import CHALLENGER, CHAMPION, DatasetRef, Registry, Version, code_version
from ml.text.trained import ENTITIES, SENTIMENT, Trained

if TYPE_CHECKING:
    from platform_assets.core.settings import Settings

_TITLES = {
    SENTIMENT: "Sentiment of texts: negative, neutral, positive",
    ENTITIES: "Persons, organisations and places in texts",
}
TENSORS = "model.safetensors"
_METRIC = "f1"
_LIMITS = (
    "Texts of another kind than those that were trained on are judged worse than the figures say. "
    "A language without labelled texts is judged by what the others taught."
)
_INPUTS = (Field("text", "string"),)
_OUTPUTS = {
    SENTIMENT: tuple(Field(name, "double") for name in ("negative", "neutral", "positive")),
    ENTITIES: (Field("entities", "string"),),
}


def publish(settings: Settings, trained: Trained, tags: Mapping[str, str]) -> tuple[Version, str]:
    """Seal and register it.

    It becomes champion where there is none, where the champion was measured on other rows, or
    where it is at least as good; else challenger.

    Args:
        settings: where the registry is.
        trained: the model.
        tags: ``weir/reason`` and, from Dagster, ``weir/dagster_run``.

    Returns:
        The version, and ``champion`` or ``challenger``.

    Raises:
        RegistryError: the registry is out of reach.
    """
    registry = Registry(settings)
    before = registry.find(trained.model, CHAMPION)
    with tempfile.TemporaryDirectory(prefix="weir-text-") as folder:
        write(Path(folder), trained, artefact_key(settings))
        version = registry.register(
            trained.model,
            Path(folder),
            params=trained.params,
            metrics=trained.metrics,
            dataset=DatasetRef(
                "labelled texts",
                1,
                trained.rows,
                trained.fingerprint,
                f"{datetime.now(UTC):%Y-%m-%d}",
            ),
            code_version=code_version(),
            card=card(trained),
            tags=tags,
        )
    if before is None or _at_least(version, before):
        reason = tags.get("weir/reason", "trained")
        promote(settings, trained.model, version=version.number, reason=reason, actor="training")
        return version, CHAMPION
    registry.set_alias(trained.model, CHALLENGER, version.number)
    return version, CHALLENGER


def write(folder: Path, trained: Trained, key: bytes) -> None:
    """Write and seal the folder (empty)."""
    write_tensors(trained.parts.tensors, folder / TENSORS)
    for name, document in trained.parts.documents.items():
        content = json.dumps(document, ensure_ascii=False, sort_keys=True)
        (folder / f"{name}.json").write_text(content, encoding="utf-8")
    metadata = {
        "metric": _METRIC,
        "validation": dict(trained.metrics),
        "fingerprint": trained.fingerprint,
    }
    signature = Signature(_INPUTS, _OUTPUTS[trained.model])
    seal(folder, "safetensors", signature, metadata, key)


def card(trained: Trained) -> str:
    """The model card, Markdown."""
    figures = [f"| {name} | {value:.4f} |" for name, value in sorted(trained.metrics.items())]
    chosen = [f"- {name}: {value}" for name, value in sorted(trained.params.items())]
    return "\n".join(
        [
            f"# {_TITLES[trained.model]}",
            "",
            f"Trained on {trained.rows:,} labelled texts, fingerprint `{trained.fingerprint}`.",
            "",
            "## How good",
            f"Measured on {trained.left_out}.",
            "",
            "| metric | value |",
            "|---|---|",
            *figures,
            "",
            "## What was chosen",
            *chosen,
            "",
            "## Where it ends",
            _LIMITS,
        ]
    )


def _at_least(version: Version, before: Version) -> bool:
    known = {one.dataset.fingerprint for one in (version, before) if one.dataset}
    worse = version.metrics.get(_METRIC, 0.0) < before.metrics.get(_METRIC, 0.0)
    return len(known) > 1 or not worse
