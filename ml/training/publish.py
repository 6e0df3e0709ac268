"""A trained model becomes a version, and a version a champion or challenger."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ml.features import table
from ml.rollout.change import fix_aliases
from ml.rollout.deployment import Deployment, Deployments
from ml.store.artefact import artefact_key
from ml.store.registry import DatasetRef, Registry, Version, code_version
from ml.training import card, package
from ml.training.dataset import Dataset
from ml.training.plots import Sides, calibration_png, precision_recall_png
from ml.training.train import Trained
from ml.trials.store import Cases
from platform_assets.core.settings import Settings


def publish(
    settings: Settings,
    dataset: Dataset,
    trained: Trained,
    tags: Mapping[str, str],
    dagster_run: str = "",
) -> Version:
    """Seal the model's folder and register it, with all that made it.

    Args:
        settings: where the registry is.
        dataset: that it was trained on.
        trained: the result.
        tags: of the run, ``weir/reason`` (why it was trained) among them where known.
        dagster_run: id of the run, empty without one.

    Raises:
        TrainingError: the sealed model does not answer as the trained one.
        RegistryError: the registry is out of reach.
    """
    code = code_version()
    why = tags.get("weir/reason", "requested by hand")
    more = {
        "weir/recipe": dataset.recipe.to_json(),
        "weir/silver_version": str(dataset.recipe.silver_version),
        **({"weir/dagster_run": dagster_run} if dagster_run else {}),
    }
    origin = {"code version": code, "Dagster run": dagster_run}
    scored = trained.scored
    truth = scored[dataset.spec.label.column].to_numpy()
    sides: Sides = {trained.choice.kind: (truth, scored["score"].to_numpy())}
    with tempfile.TemporaryDirectory(prefix=f"weir-{dataset.spec.name}-") as folder:
        package.write(Path(folder) / "model", dataset, trained, artefact_key(settings))
        return Registry(settings).register(
            dataset.spec.name,
            Path(folder) / "model",
            params=package.params(dataset, trained),
            metrics=trained.validation.metrics(),
            dataset=reference(dataset),
            code_version=code,
            card=card.write(dataset, trained, why, origin),
            plots={
                "calibration.png": calibration_png(sides),
                "precision_recall.png": precision_recall_png(sides),
            },
            tags={"weir/reason": why, **tags, **more},
        )


def reference(dataset: Dataset) -> DatasetRef:
    """How the registry names the rows."""
    recipe = dataset.recipe
    return DatasetRef(
        table.TABLE, recipe.features_version, len(dataset.rows), dataset.fingerprint, recipe.until
    )


def offer(
    settings: Settings,
    model: str,
    number: int,
    *,
    share: float,
    shadow: bool,
    reason: str,
    actor: str,
) -> Deployment:
    """Let a version serve: the first one as champion, later ones as challenger.

    A trial under way ends: the newer version knows all that the older one did. Asked again about
    the same version, nothing changes, nor about one that was rolled back.

    Raises:
        DeploymentError: somebody else changed the deployment in the same moment.
        RegistryError: there is no such version.
    """
    deployments, cases = Deployments(settings), Cases(settings)
    try:
        now = deployments.current(model)
        if now is None:
            now = deployments.start(model, number, reason=reason, actor=actor)
        elif number not in {now.champion, now.challenger} and not cases.rolled_back(model, number):
            if now.challenger is not None:
                ended = f"version {number} replaces {now.challenger}"
                deployments.end_trial(model, reason=ended, actor=actor)
            now = deployments.try_challenger(
                model, number, share=share, shadow=shadow, reason=reason, actor=actor
            )
    finally:
        deployments.close()
        cases.close()
    fix_aliases(settings, model)
    return now
