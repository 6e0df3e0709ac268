"""Who serves, and the aliases that tell of it, changed together.

The deployment's row is the truth: servers read it alone. It is changed first, by one statement;
the registry's aliases follow. A crash or an MLflow that is away in between leaves aliases that are
old, never a deployment that is half changed, and :func:`fix_aliases` puts them right at the next
call of anything here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.rollout.deployment import Deployment, DeploymentError, Deployments, before
from ml.store.registry import CHALLENGER, CHAMPION, Registry, RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.core.settings import Settings


def promote(
    settings: Settings, model: str, *, version: int | None = None, reason: str, actor: str
) -> Deployment:
    """Make a version the champion; asked twice, nothing changes the second time.

    Args:
        settings: where PostgreSQL and the registry are.
        model: its name.
        version: by default the challenger. Another one takes the challenger's place for a moment
            (with no share of the keys), so that the history tells of it; a model that nobody
            serves starts with it.
        reason: why.
        actor: who.

    Raises:
        DeploymentError: no trial is running and no version is given, or somebody else was quicker.
        ArtefactError: the version's files are not those that were sealed; nothing changed.
        RegistryError: no such version; or the deployment changed and aliases could not follow.
    """
    deployments = Deployments(settings)
    try:
        now = deployments.current(model)
        if now and version is not None and version not in {now.champion, now.challenger}:
            now = _on_trial(settings, deployments, now, version, reason, actor)
        if now is None and version is not None:
            done = deployments.start(model, version, reason=reason, actor=actor)
        elif now is not None and version == now.champion:
            done = now
        else:
            revision = now.revision if now else None
            done = deployments.promote(model, reason=reason, actor=actor, revision=revision)
    finally:
        deployments.close()
    return _followed(settings, done)


def try_out(
    settings: Settings,
    model: str,
    *,
    version: int,
    share: float,
    shadow: bool = False,
    reason: str,
    actor: str,
) -> Deployment:
    """Give a version a share of the keys beside the champion.

    Args:
        settings: where PostgreSQL and the registry are.
        model: its name.
        version: that is tried.
        share: of all keys, from 0 to 1.
        shadow: it scores its keys, and answers nobody.
        reason: why.
        actor: who.

    Raises:
        DeploymentError: the model is not served, the version is its champion, or a trial runs.
        RegistryError: no such version; or the deployment changed and aliases could not follow.
    """
    deployments = Deployments(settings)
    try:
        done = deployments.try_challenger(
            model, version, share=share, shadow=shadow, reason=reason, actor=actor
        )
    finally:
        deployments.close()
    return _followed(settings, done)


def reject(settings: Settings, model: str, *, reason: str, actor: str) -> Deployment:
    """End the trial that is running; the champion serves all.

    Raises:
        DeploymentError: no trial is running.
        RegistryError: the deployment changed, and aliases could not follow.
    """
    deployments = Deployments(settings)
    try:
        done = deployments.end_trial(model, reason=reason, actor=actor)
    finally:
        deployments.close()
    return _followed(settings, done)


def roll_back(
    settings: Settings, model: str, *, to: int | None = None, reason: str, actor: str
) -> Deployment:
    """Make an earlier champion the champion again; needs no registry to do so.

    Args:
        settings: where PostgreSQL and the registry are.
        model: its name.
        to: an earlier champion; by default the one before the present one.
        reason: why.
        actor: who.

    Raises:
        DeploymentError: there is no such earlier champion.
        RegistryError: the deployment changed, and aliases could not follow.
    """
    deployments = Deployments(settings)
    try:
        done = deployments.roll_back(model, to=to, reason=reason, actor=actor)
    finally:
        deployments.close()
    return _followed(settings, done)


def roll_back_target(history: Sequence[Deployment], to: int | None) -> int:
    """The version that :func:`roll_back` would return to.

    Args:
        history: all rows of the model, newest first.
        to: as there.

    Raises:
        DeploymentError: there is no such earlier champion.
    """
    if not history:
        raise DeploymentError("the model is not served", "see `weir models list`")
    model, now = history[0].model, history[0].champion
    earlier = sorted({row.champion for row in history} - {now})
    target = to or before([(row.champion, row.challenger) for row in reversed(history)])
    if target not in earlier:
        raise DeploymentError(
            f"model {model}: version {target or now} is not an earlier champion",
            f"earlier ones: {', '.join(map(str, earlier)) or 'none'}",
        )
    return target


def fix_aliases(settings: Settings, model: str) -> Deployment | None:
    """Let ``champion`` and ``challenger`` point to what is deployed; nothing if nothing is.

    Returns:
        The deployment that they tell of now.

    Raises:
        RegistryError: MLflow is away, or lacks the version.
        DatabaseError: PostgreSQL is away.
    """
    deployments, registry = Deployments(settings), Registry(settings)
    try:
        now = deployments.current(model)
        while now is not None:
            there = registry.aliases(model)
            if there.get(CHAMPION) != now.champion:
                registry.set_alias(model, CHAMPION, now.champion)
            if now.challenger is None:
                if CHALLENGER in there:
                    registry.drop_alias(model, CHALLENGER)
            elif there.get(CHALLENGER) != now.challenger:
                registry.set_alias(model, CHALLENGER, now.challenger)
            # Who writes last looks last: of several that repair at once, none leaves what is old.
            latest = deployments.current(model)
            if latest is None or latest.revision == now.revision:
                return latest
            now = latest
        return None
    finally:
        deployments.close()


def _on_trial(
    settings: Settings,
    deployments: Deployments,
    now: Deployment,
    version: int,
    reason: str,
    actor: str,
) -> Deployment:
    """Put a version in the challenger's place, with no keys."""
    # First: a version that is not there must not end another one's trial.
    Registry(settings).get(now.model, version)
    if now.challenger is not None:
        ended = f"version {version} is promoted in its place"
        now = deployments.end_trial(now.model, reason=ended, actor=actor, revision=now.revision)
    return deployments.try_challenger(
        now.model, version, share=0.0, reason=reason, actor=actor, revision=now.revision
    )


def _followed(settings: Settings, done: Deployment) -> Deployment:
    try:
        fix_aliases(settings, done.model)
    except RegistryError as error:
        raise RegistryError(
            f"{done.model}: version {done.champion} is champion now, but the registry's aliases "
            f"could not follow: {error.message}",
            f"they follow at the next change or check of the trials; {error.hint}",
        ) from error
    return done
