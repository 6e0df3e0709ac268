"""``weir models train``, ``try``, ``manifest``: commands that start something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ml.spec import ModelSpec

Model = Annotated[str, typer.Argument(help="Name of a model, e.g. purchase.")]
Default = Annotated[
    str | None,
    typer.Argument(help="Name of a model, e.g. purchase.", show_default="the default one"),
]
_FEATURES_JOB = "user_features"
_TIMEOUT_SECONDS = 3600.0


def register(models: typer.Typer) -> None:
    """Add the commands to ``weir models``."""
    models.command("train")(train)
    models.command("try")(try_)
    models.command("manifest")(manifest)


def train(
    model: Default = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
    reason: Annotated[str, typer.Option(help="Why; goes into the version's card.")] = "by hand",
) -> None:
    """Launch a training in Dagster: weir models train purchase --wait.

    Days without features are made first. What comes out serves at once where nothing served
    before, else it is on trial.
    """
    from ml.training.dataset import days_without_features
    from platform_assets.cli import launch
    from platform_assets.core.settings import get_settings

    spec = spec_of(model)
    settings, tags = get_settings(), {"weir/reason": reason}
    if missing := days_without_features(settings, spec):
        typer.echo(f"making the missing features of {len(missing)} days first")
        made = launch.launch(
            settings, _FEATURES_JOB, typer.echo,
            partitions=(missing[0].isoformat(), missing[-1].isoformat()),
        )  # fmt: skip
        launch.wait(settings, _FEATURES_JOB, made, _TIMEOUT_SECONDS)
    run_id = launch.launch(settings, spec.training_job, typer.echo, tags=tags)
    if not wait:
        typer.echo(f"what it made: weir models list {spec.name}")
        return
    launch.wait(settings, spec.training_job, run_id, _TIMEOUT_SECONDS)
    for part in ("dataset", "version"):
        if why := launch.latest_metadata(settings, ["models", spec.name, part]).get("skipped"):
            typer.echo(f"no version was made: {why}")
            return
    typer.echo(f"done; weir models list {spec.name}")


def spec_of(model: str | None) -> ModelSpec:
    """The spec of a model, of the default one where none is named.

    Raises:
        SpecError: there is none, or its folder does not load.
    """
    from ml.discovery import models
    from ml.spec import SpecError

    try:
        return models().get(model)
    except SpecError as error:
        hint = f"{error.hint}; anomaly models: launch train_anomalies in Dagster"
        raise SpecError(error.message, hint) from error


def try_(
    model: Model,
    version: Annotated[int, typer.Argument(help="A number, see weir models list.")],
    share: Annotated[float, typer.Option(help="Of all keys.", min=0, max=1)] = 0.05,
    in_shadow: Annotated[
        bool, typer.Option("--shadow", help="It scores its keys but never answers.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")] = "by hand",
) -> None:
    """Put a version on trial against the champion: weir models try purchase 5 --share 0.1."""
    import getpass

    from ml.rollout import change as rollout
    from platform_assets.core.settings import get_settings

    done = rollout.try_out(
        get_settings(), model, version=version, share=share, shadow=in_shadow, reason=reason,
        actor=f"cli:{getpass.getuser()}",
    )  # fmt: skip
    how = "scores in the shadow of" if done.shadow else "is on trial against"
    typer.echo(f"{model}: version {version} {how} {done.champion}, {done.share:.4g} of the keys")


def manifest(
    model: Model,
    folder: Annotated[Path, typer.Option(help="Where to write them.")],
    storage: Annotated[
        str, typer.Option(help="Below it: <model>/<version>.")
    ] = "pvc://weir-models",
    image: Annotated[str, typer.Option(help="With this project in it.")] = "weir:latest",
) -> None:
    """Write KServe's manifests of what serves: weir models manifest purchase --folder out."""
    from ml.serving.kserve import write
    from platform_assets.core.settings import get_settings

    for path in write(get_settings(), model, folder, storage=storage, image=image):
        typer.echo(f"kubectl apply -f {path}")
