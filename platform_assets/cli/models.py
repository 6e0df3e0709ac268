"""``weir models``: versions and who serves; compare, promote, roll back, change a trial's share."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli import models_begin
from platform_assets.cli.drift import print_drift
from platform_assets.cli.models_tables import COMPARISON, EVIDENCE, VERSIONS, differences
from platform_assets.cli.tables import AsCsv, AsJson, check_formats
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from ml.discovery import Found
    from ml.rollout.deployment import Deployment
    from ml.store.comparison import Comparison
    from ml.store.registry import Registry, Version
    from platform_assets.core.settings import Settings

models = typer.Typer(
    help="Models: versions, deployments and trials.",
    no_args_is_help=True,
    epilog="Examples:  weir models list purchase  |  weir models compare purchase  |  "
    "weir models promote purchase 5 --dry-run  |  weir models rollback purchase  |  "
    "weir models train purchase --wait  |  weir models drift purchase",
)
models_begin.register(models)
models.command("drift")(print_drift)

Model = Annotated[str, typer.Argument(help="Name of a model, e.g. purchase.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(models, name="models")


@models.command("list")
def list_(
    model: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Versions, newest first: weir models list purchase."""
    from ml.store.comparison import as_json as flat

    check_formats(as_json, as_csv)
    _, registry = _opened()
    names = [model] if model else registry.models()
    versions = [version for name in names for version in _known(registry, name)]
    if not (versions or as_json or as_csv):
        typer.echo(f"no model is registered yet; train one: weir models train ({_specs().known})")
        return
    VERSIONS.show([flat(version) for version in versions], as_json=as_json, as_csv=as_csv)


@models.command()
def show(
    model: Model,
    version: Annotated[str, typer.Argument(help="A number, champion or challenger.")] = "champion",
) -> None:
    """One version's card, parameters, metrics and lineage: weir models show purchase 5."""
    from ml.rollout.deployment import Deployments
    from ml.store.comparison import lineage

    settings, registry = _opened()
    _known(registry, model)
    found = registry.get(model, _which(version))
    typer.echo(found.card.rstrip() + "\n")
    sections: dict[str, Any] = {
        "metrics": found.metrics, "parameters": found.params, "lineage": lineage(registry, found)
    }  # fmt: skip
    for title, values in sections.items():
        typer.echo(title)
        for name, value in values.items():
            shown = f"{value:.6g}" if isinstance(value, float) else value
            typer.echo(f"  {name:<24}  {shown}")
    deployments = Deployments(settings)
    try:
        history = deployments.history(model, limit=5)
    finally:
        deployments.close()
    typer.echo("deployments, newest first" if history else "no version of this model serves yet")
    for row in history:
        typer.echo(
            f"  {row.changed_at:%Y-%m-%d %H:%M}  {_serving(row)}  ({row.actor}: {row.reason})"
        )


@models.command()
def compare(
    model: Model,
    a: Annotated[str, typer.Argument(help="A number or alias.")] = "champion",
    b: Annotated[str, typer.Argument(help="A number or alias.")] = "challenger",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Two versions side by side, and the trial's evidence: weir models compare purchase 4 5."""
    from ml.store.comparison import compare_versions
    from ml.trials import evidence

    check_formats(as_json, as_csv)
    settings, registry = _opened()
    _known(registry, model)
    first, second = registry.get(model, _which(a)), registry.get(model, _which(b))
    found = compare_versions(first, second, evidence(settings, model))
    COMPARISON.show(
        differences(found),
        as_json=as_json,
        as_csv=as_csv,
        document=found.to_json(),
        title=f"a: {_named(found.a)}    b: {_named(found.b)}",
    )
    if not (as_json or as_csv):
        _show_trial(found)


@models.command()
def promote(
    model: Model,
    version: Annotated[str, typer.Argument(help="A number, or challenger.")],
    dry_run: DryRun = False,
    reason: Reason = "by hand",
) -> None:
    """Make a version the champion: weir models promote purchase 5 --reason "won in March"."""
    from ml.rollout import change as rollout

    settings, registry = _opened()
    _known(registry, model)
    chosen = registry.get(model, _which(version))
    now = _in_force(settings, model)
    if dry_run:
        _tell(model, now, chosen.number, changed=False)
        return
    done = rollout.promote(settings, model, version=chosen.number, reason=reason, actor=_actor())
    _tell(model, now, done.champion, changed=True)


@models.command()
def rollback(
    model: Model,
    to: Annotated[int | None, typer.Option(help="An earlier champion; default: the last.")] = None,
    dry_run: DryRun = False,
    reason: Reason = "by hand",
) -> None:
    """Let an earlier champion serve again: weir models rollback purchase --to 3."""
    from ml.rollout import change as rollout
    from ml.rollout.deployment import Deployments

    settings, registry = _opened()
    deployments = Deployments(settings)
    try:
        history = deployments.history(model, limit=10_000)
    finally:
        deployments.close()
    if not history:
        _known(registry, model)
    target = rollout.roll_back_target(history, to)
    if dry_run:
        _tell(model, history[0], target, changed=False)
        return
    done = rollout.roll_back(settings, model, to=to, reason=reason, actor=_actor())
    _tell(model, history[0], done.champion, changed=True)


@models.command()
def reject(model: Model, dry_run: DryRun = False, reason: Reason = "by hand") -> None:
    """End a trial; the champion serves all: weir models reject purchase."""
    from ml.rollout import change as rollout

    settings, _ = _opened()
    now = _on_trial(settings, model)
    if dry_run:
        _tell(model, now, now.champion, changed=False)
        return
    rollout.reject(settings, model, reason=reason, actor=_actor())
    _tell(model, now, now.champion, changed=True)


@models.command()
def share(
    model: Model,
    part: Annotated[float, typer.Argument(help="Share of all keys, from 0 to 1.", min=0, max=1)],
    reason: Reason = "by hand",
) -> None:
    """Change the challenger's share while it serves: weir models share purchase 0.1."""
    _change_trial(model, part, None, reason)


@models.command()
def shadow(
    model: Model,
    state: Annotated[str, typer.Argument(help="on: scores but never answers; off: answers.")],
    reason: Reason = "by hand",
) -> None:
    """Keep the challenger in the champion's shadow or not: weir models shadow purchase on."""
    if state not in {"on", "off"}:
        raise WeirError(f"{state!r} is neither on nor off", f"weir models shadow {model} on")
    _change_trial(model, None, state == "on", reason)


def _show_trial(found: Comparison) -> None:
    if not found.params:
        typer.echo("no parameter differs")
    if not found.dataset:
        typer.echo("the same data set")
    if found.evidence is None:
        typer.echo("no trial is running")
        return
    typer.echo(f"the trial: {found.evidence.verdict}: {found.evidence.reason}")
    EVIDENCE.show([asdict(row) for row in found.evidence.evidence])


def _named(version: Version) -> str:
    return f"version {version.number} {' '.join(version.aliases)}".strip()


def _change_trial(model: str, part: float | None, in_shadow: bool | None, reason: str) -> None:
    from ml.rollout.deployment import Deployments

    settings, _ = _opened()
    now = _on_trial(settings, model)
    deployments = Deployments(settings)
    try:
        done = deployments.set_share(
            model,
            now.share if part is None else part,
            shadow=in_shadow,
            reason=reason,
            actor=_actor(),
            revision=now.revision,
        )
    finally:
        deployments.close()
    typer.echo(f"{model}: {_serving(done)}")


def _opened() -> tuple[Settings, Registry]:
    from ml.store.registry import Registry
    from platform_assets.core.settings import get_settings

    settings = get_settings()
    return settings, Registry(settings)


def _known(registry: Registry, model: str) -> list[Version]:
    """All versions of a model; one that is not there is an error that lists those that are."""
    versions = registry.versions(model)
    if not versions:
        if _specs().find(model):
            raise WeirError(f"model {model} has no version yet", f"weir models train {model}")
        there = ", ".join(registry.models()) or "none yet"
        raise WeirError(f"no model {model!r}", f"models: {there}")
    return versions


def _specs() -> Found:
    from ml.discovery import models as found

    return found()


def _which(word: str) -> int | str:
    return int(word) if word.isdecimal() else word


def _in_force(settings: Settings, model: str) -> Deployment | None:
    from ml.rollout.deployment import Deployments

    deployments = Deployments(settings)
    try:
        return deployments.current(model)
    finally:
        deployments.close()


def _on_trial(settings: Settings, model: str) -> Deployment:
    now = _in_force(settings, model)
    if now is None:
        _known(_opened()[1], model)
    if now is None or now.challenger is None:
        raise WeirError(f"model {model}: no version is on trial", f"see: weir models list {model}")
    return now


def _actor() -> str:
    import getpass

    return f"cli:{getpass.getuser()}"


def _serving(row: Deployment) -> str:
    if row.challenger is None:
        return f"version {row.champion} serves all"
    how = "in its shadow" if row.shadow else "serves"
    return (
        f"version {row.champion} is champion, version {row.challenger} {how} "
        f"{row.share:.4g} of the keys"
    )


def _tell(model: str, before: Deployment | None, champion: int, *, changed: bool) -> None:
    was = f"version {before.champion}" if before else "nothing"
    verb = "serves" if changed else "would serve"
    if before is not None and before.champion == champion:
        typer.echo(f"{model}: version {champion} {verb}, as before")
    else:
        typer.echo(f"{model}: version {champion} {verb} instead of {was}")
    if before is not None and before.challenger is not None:
        ends = "ended" if changed else "would end"
        typer.echo(f"the trial of version {before.challenger} {ends}")
    if not changed:
        typer.echo("nothing was changed (--dry-run)")
