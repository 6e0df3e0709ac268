"""Who serves: champion, challenger and share of each model, with the history of all changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from ml.canary.share import DEFAULT_SHARE, Split
from ml.rollout.revisions import REVISIONS
from platform_assets.core.databases import Connection, Database
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

DATABASE = "models"

Locate = Callable[[str, int], Path]
"""Model and version -> folder of the sealed artefact; raises where there is none."""

_COLUMNS = (
    "model, champion, challenger, share, shadow, trial, revision, changed_at, reason, actor,"
    " artefacts"
)
_ADDED = _COLUMNS.replace("changed_at, ", "")
_PLACES = ", ".join(["%s"] * 10)


class DeploymentError(WeirError):
    """A change that the present state does not allow, or that another actor was quicker with."""


@dataclass(frozen=True)
class Deployment:
    """What serves a model from a moment on.

    Attributes:
        model: its name.
        champion: version that answers.
        challenger: version on trial, if any.
        share: of all keys, from 0 to 1, that the challenger has; 0 without one.
        shadow: the challenger scores its keys, the champion answers them.
        trial: ``<model>/<challenger>``; empty without one.
        revision: 1 for the first row of a model; the next row has one more.
        changed_at: when (UTC).
        reason: why, for people.
        actor: who.
        artefacts: folder of each version named here.
    """

    model: str
    champion: int
    challenger: int | None
    share: float
    shadow: bool
    trial: str
    revision: int
    changed_at: datetime
    reason: str
    actor: str
    artefacts: Mapping[int, Path]

    @property
    def split(self) -> Split | None:
        """How keys are divided; None without a challenger."""
        return Split(self.trial, self.share, self.shadow) if self.trial else None


class Deployments:
    """The table ``deployments``: append-only, changed by compare-and-set on the revision.

    Every change reads the row in force and adds one with the next revision. Of two actors that
    read the same row one wins; the other gets a :class:`DeploymentError`. An actor that decided
    on what it read earlier passes ``revision``: the change then only happens if that revision is
    still in force.
    """

    def __init__(self, settings: Settings, locate: Locate | None = None) -> None:
        """Describe it; nothing is opened.

        Args:
            settings: where PostgreSQL is.
            locate: finds a version's artefact; by default the model registry.
        """
        self._database = Database(settings, DATABASE, REVISIONS, connections=4)
        self._locate = locate or _by_registry(settings)

    def current(self, model: str) -> Deployment | None:
        """The row in force.

        Raises:
            DatabaseError: PostgreSQL does not answer; so for all methods.
        """
        rows = self.history(model, limit=1)
        return rows[0] if rows else None

    def history(self, model: str, limit: int = 50) -> list[Deployment]:
        """Rows of a model, newest first."""
        with self._database.borrow() as connection:
            return _read(
                connection,
                f"SELECT {_COLUMNS} FROM deployments WHERE model = %s"  # noqa: S608 - constant
                " ORDER BY revision DESC LIMIT %s",
                (model, limit),
            )

    def in_force(self) -> list[Deployment]:
        """The row in force of every model, by name."""
        with self._database.borrow() as connection:
            return _read(
                connection,
                f"SELECT DISTINCT ON (model) {_COLUMNS} FROM deployments"  # noqa: S608 - constant
                " ORDER BY model, revision DESC",
                (),
            )

    def start(self, model: str, champion: int, *, reason: str, actor: str) -> Deployment:
        """Serve a model for the first time.

        Raises:
            DeploymentError: it is served already.
        """
        there = self.current(model)
        if there is not None:
            raise DeploymentError(
                f"model {model} is served already, by version {there.champion}",
                "let the version challenge it (try_challenger)",
            )
        artefacts = {champion: self._locate(model, champion)}
        return self._add(_row(model, 1, champion, artefacts, reason, actor))

    def try_challenger(
        self,
        model: str,
        challenger: int,
        *,
        share: float = DEFAULT_SHARE,
        shadow: bool = False,
        reason: str,
        actor: str,
        revision: int | None = None,
    ) -> Deployment:
        """Give a challenger a share of the keys.

        Raises:
            DeploymentError: the model is not served, the version is its champion, or another
                trial is running.
            ShareError: the share is not within [0, 1].
        """
        now = self._now(model, revision)
        if now.challenger is not None:
            raise DeploymentError(
                f"model {model}: version {now.challenger} is on trial since {_day(now)}",
                "end its trial first (weir models promote, or weir models rollback)",
            )
        if challenger == now.champion:
            raise DeploymentError(
                f"model {model}: version {challenger} is the champion", "nothing is to be tried"
            )
        split = Split(f"{model}/{challenger}", share, shadow)
        artefacts = {**now.artefacts, challenger: self._locate(model, challenger)}
        return self._add(
            replace(
                _next(now, reason, actor),
                challenger=challenger,
                share=share,
                shadow=shadow,
                trial=split.trial,
                artefacts=artefacts,
            )
        )

    def set_share(
        self,
        model: str,
        share: float,
        *,
        shadow: bool | None = None,
        reason: str,
        actor: str,
        revision: int | None = None,
    ) -> Deployment:
        """Change the challenger's share, and where given whether it stays in the shadow.

        Raises:
            DeploymentError: no trial is running.
            ShareError: the share is not within [0, 1].
        """
        now = self._now(model, revision)
        _challenger(now)
        split = Split(now.trial, share, now.shadow if shadow is None else shadow)
        return self._add(replace(_next(now, reason, actor), share=split.share, shadow=split.shadow))

    def promote(
        self, model: str, *, reason: str, actor: str, revision: int | None = None
    ) -> Deployment:
        """Make the challenger the champion.

        Raises:
            DeploymentError: no trial is running.
        """
        now = self._now(model, revision)
        champion = _challenger(now)
        artefacts = {champion: now.artefacts[champion]}
        return self._add(_row(model, now.revision + 1, champion, artefacts, reason, actor))

    def end_trial(
        self, model: str, *, reason: str, actor: str, revision: int | None = None
    ) -> Deployment:
        """Take the challenger out; the champion serves all.

        Raises:
            DeploymentError: no trial is running.
        """
        now = self._now(model, revision)
        _challenger(now)
        artefacts = {now.champion: now.artefacts[now.champion]}
        return self._add(_row(model, now.revision + 1, now.champion, artefacts, reason, actor))

    def roll_back(
        self,
        model: str,
        *,
        to: int | None = None,
        reason: str,
        actor: str,
        revision: int | None = None,
    ) -> Deployment:
        """Make an earlier champion the champion again; a trial that is running ends.

        Args:
            model: its name.
            to: version that has been champion; by default the one before the present one. Two
                roll-backs go back by two: a version that was rolled back is not returned to.
            reason: why.
            actor: who.
            revision: see the class.

        Raises:
            DeploymentError: there is no earlier champion, or ``to`` was none.
        """
        now = self._now(model, revision)
        past = self.history(model, limit=now.revision)
        folders = {row.champion: row.artefacts[row.champion] for row in reversed(past)}
        if to is None:
            earlier = before([(row.champion, row.challenger) for row in reversed(past)])
            if earlier is None:
                raise DeploymentError(
                    f"model {model}: version {now.champion} is the first champion",
                    "train another version, and let it challenge this one",
                )
            to = earlier
        if to == now.champion or to not in folders:
            known = sorted(folders.keys() - {now.champion})
            raise DeploymentError(
                f"model {model}: version {to} is not an earlier champion",
                f"earlier ones: {', '.join(map(str, known)) or 'none'}",
            )
        # The folder comes from the history: to go back, no registry is needed.
        return self._add(_row(model, now.revision + 1, to, {to: folders[to]}, reason, actor))

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._database.close()

    def _now(self, model: str, revision: int | None) -> Deployment:
        now = self.current(model)
        if now is None:
            raise DeploymentError(
                f"model {model} is not served", "start it with a first champion (start)"
            )
        if revision is not None and revision != now.revision:
            raise _beaten(model, revision)
        return now

    def _add(self, row: Deployment) -> Deployment:
        with self._database.borrow() as connection:
            added = _read(
                connection,
                f"INSERT INTO deployments ({_ADDED}) VALUES ({_PLACES})"  # noqa: S608 - constants
                f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
                (
                    row.model,
                    row.champion,
                    row.challenger,
                    row.share,
                    row.shadow,
                    row.trial,
                    row.revision,
                    row.reason,
                    row.actor,
                    Jsonb({str(n): str(path) for n, path in row.artefacts.items()}),
                ),
            )
        if not added:
            raise _beaten(row.model, row.revision - 1)
        return added[0]


def before(rows: Sequence[tuple[int, int | None]]) -> int | None:
    """The champion that a roll-back returns to: the one below the present one on a stack.

    A promotion puts a version on the stack; a roll-back takes off what lies above its version.

    Args:
        rows: champion and challenger of every row of a model, oldest first.
    """
    stack: list[int] = []
    tried: int | None = None
    for champion, challenger in rows:
        if champion != tried and champion in stack:
            while stack[-1] != champion:
                stack.pop()
        elif not stack or stack[-1] != champion:
            stack.append(champion)
        tried = challenger
    return stack[-2] if len(stack) > 1 else None


def _by_registry(settings: Settings) -> Locate:
    def locate(model: str, number: int) -> Path:
        from ml.store.registry import Registry

        folder: Path = Registry(settings).get(model, number).artefact
        return folder

    return locate


def _row(
    model: str, revision: int, champion: int, artefacts: Mapping[int, Path], reason: str, actor: str
) -> Deployment:
    """A row without a trial; the database sets its time."""
    return Deployment(
        model, champion, None, 0.0, False, "", revision, datetime.now(UTC), reason, actor, artefacts
    )


def _next(now: Deployment, reason: str, actor: str) -> Deployment:
    return replace(now, revision=now.revision + 1, reason=reason, actor=actor)


def _challenger(now: Deployment) -> int:
    if now.challenger is None:
        raise DeploymentError(
            f"model {now.model}: no version is on trial against version {now.champion}",
            "let one challenge it first (try_challenger)",
        )
    return now.challenger


def _beaten(model: str, revision: int) -> DeploymentError:
    return DeploymentError(
        f"model {model}: revision {revision} is no longer current: somebody else changed it",
        "check the current state (weir models show MODEL), and decide again",
    )


def _day(row: Deployment) -> str:
    return row.changed_at.isoformat(timespec="minutes")


def _read(connection: Connection, statement: str, values: Sequence[Any]) -> list[Deployment]:
    rows = connection.execute(statement.encode(), values).fetchall()
    return [
        Deployment(
            model=row[0],
            champion=row[1],
            challenger=row[2],
            share=row[3],
            shadow=row[4],
            trial=row[5],
            revision=row[6],
            changed_at=row[7].astimezone(UTC),
            reason=row[8],
            actor=row[9],
            artefacts={int(number): Path(folder) for number, folder in row[10].items()},
        )
        for row in rows
    ]
