"""Reaches verdicts over the cases that are running, and carries them out.

Order of a verdict: it is written to the case (one writer wins), then the deployment changes
(compare-and-set on its revision), then the aliases follow, then the case is marked as carried out.
Whoever finds a verdict that was not carried out goes on where the other one died; each step may be
repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from ml.canary.sequential import Decision, Verdict
from ml.rollout.deployment import Deployment, DeploymentError, Deployments
from ml.store.artefact import artefact_key, open_artefact
from ml.trials.probation import Probation, Tolerance, Watch, limits
from ml.trials.record import evidence_of_trial, evidence_of_watch
from ml.trials.replay import Metric, Replay, Requests, Terms
from ml.trials.rows import Scope, TrialRows, whole_windows
from ml.trials.store import Case, Cases, Kind
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

SETTLE = timedelta(seconds=3)
"""How long rows may take from the answer to the table before a window counts as over."""
BASELINE_DAYS = 7
"""Days of the champion before that the limits of a probation rest on."""
BASELINE_AN_HOUR = 500
"""Requests of each hour that they rest on: an hour at the peak of a daily cycle counts as any."""
_HISTORY = 1_000


class TrialError(WeirError):
    """A trial that cannot be judged: its champion does not say by what metric."""


@dataclass(frozen=True)
class Finding:
    """What a look at a case found.

    Attributes:
        case: as it stands after the look.
        verdict: of the case, or ``continue``.
        reason: in words.
        evidence: as JSON.
        changed: the deployment, where this look changed it.
    """

    case: Case
    verdict: Verdict
    reason: str
    evidence: dict[str, Any]
    changed: Deployment | None = None


class Judge:
    """Judges the cases of models; safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        deployments: Deployments | None = None,
        tolerance: Tolerance | None = None,
        follow: Callable[[str], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Describe it; nothing is opened.

        Args:
            settings: where PostgreSQL and the models are.
            deployments: the table; by default that of the settings.
            tolerance: what a fresh champion may lose; others than the defaults.
            follow: makes the registry's aliases follow a model's deployment; by default
                :func:`ml.rollout.change.fix_aliases`.
            now: the clock.
        """
        self.deployments = deployments or Deployments(settings)
        self.cases = Cases(settings)
        self.rows = TrialRows(settings)
        self._settings = settings
        self._tolerance = tolerance or Tolerance()
        self._follow = follow or _fix_aliases(settings)
        self._now = now

    def running(self, model: str) -> list[Case]:
        """The cases that the deployment in force runs, opened with their terms.

        Raises:
            TrialError: the champion's artefact names no metric.
            ArtefactError: it must not be opened.
        """
        history = self.deployments.history(model, limit=_HISTORY)
        return [self._opened(case, history[0]) for case in begun(history, self._now())]

    def labels(self, case: Case) -> int:
        """Labels of the version on trial or probation that a look would count, or few more."""
        delay = float(case.terms["label_delay"])
        return self.rows.labels(scope_of(case), delay, self._now() - SETTLE)

    def judge(self, model: str, actor: str) -> list[Finding]:
        """Look at every running case, and carry out what is decided.

        Returns:
            A finding a case; first of those whose verdict somebody left half carried out, which
            are finished now.
        """
        left = [
            replace(self.look(case), changed=self.finish(case))
            for case in self.cases.unfinished(model)
        ]
        return left + [self.settle(self.look(case), actor) for case in self.running(model)]

    def look(self, case: Case) -> Finding:
        """Replay a case's rows up to now; changes nothing."""
        if case.verdict is not None:
            return Finding(case, case.verdict, case.reason, dict(case.evidence or {}))
        if case.kind is Kind.TRIAL:
            replay = self._replayed(case)
            decision = replay.decision
            return Finding(case, decision.verdict, decision.reason, evidence_of_trial(replay))
        watch = self._watched(case)
        verdict = Verdict.ROLL_BACK if watch.broken else Verdict.CONTINUE
        return Finding(case, verdict, watch.reason, evidence_of_watch(watch))

    def settle(self, finding: Finding, actor: str) -> Finding:
        """Let a finding's verdict stand and carry it out; a case that continues is left alone."""
        decided = self.decide(finding, actor)
        if decided.case.verdict is None:
            return decided
        return replace(decided, changed=self.finish(decided.case))

    def decide(self, finding: Finding, actor: str) -> Finding:
        """Let a finding's verdict stand, unless the case continues or runs no more."""
        case = finding.case
        if finding.verdict is Verdict.CONTINUE or not self._runs(case):
            return finding
        case = self.cases.decide(case, finding.verdict, finding.reason, finding.evidence, actor)
        # Where another one was quicker, it is that verdict which stands.
        return self.look(case)

    def apply(self, case: Case) -> Deployment | None:
        """Change the deployment as a case's verdict says; a few milliseconds.

        Returns:
            The new row; None where the deployment runs this case no more.

        Raises:
            DeploymentError: others changed the deployment all the time.
        """
        for _ in range(5):
            current = self._runs(case)
            if current is None:
                return None
            try:
                return self._change(case, current.revision)
            except DeploymentError:
                # Somebody was quicker (a share, another judge): look at what is in force now.
                continue
        raise DeploymentError(
            f"model {case.model}: the verdict on version {case.version} could not be carried out",
            "the deployment changes all the time; it is tried again at the next look",
        )

    def finish(self, case: Case) -> Deployment | None:
        """Carry a verdict out to the end: deployment, aliases, mark; may be repeated."""
        changed = self.apply(case)
        self._follow(case.model)
        self.cases.mark(case, acted=True)
        return changed

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        for opened in (self.deployments, self.cases, self.rows):
            opened.close()

    def _runs(self, case: Case) -> Deployment | None:
        """The deployment in force, if it runs this case."""
        history = self.deployments.history(case.model, limit=_HISTORY)
        named = {(found.kind, found.revision) for found in begun(history, self._now())}
        return history[0] if (case.kind, case.revision) in named else None

    def _change(self, case: Case, revision: int) -> Deployment:
        said: dict[str, Any] = {
            "reason": f"version {case.version}, {case.kind}: {case.reason}",
            "actor": case.actor,
            "revision": revision,
        }
        if case.kind is Kind.PROBATION:
            return self.deployments.roll_back(case.model, **said)
        if case.verdict is Verdict.PROMOTE:
            return self.deployments.promote(case.model, **said)
        return self.deployments.end_trial(case.model, **said)

    def _opened(self, case: Case, current: Deployment) -> Case:
        if found := self.cases.find(case.model, case.kind, case.revision):
            return found
        terms = self._terms(case, current) if case.kind is Kind.TRIAL else self._limits(case)
        return self.cases.open(Case(**{**vars(case), "terms": terms.to_json()}))

    def _terms(self, case: Case, current: Deployment) -> Terms:
        metric, level, delay = self._validated(current, case.against)
        return Terms(metric=metric, level=level, label_delay=delay)

    def _limits(self, case: Case) -> Probation:
        metric: Metric = "f1"
        level = delay = 0.0
        for row in self.deployments.history(case.model, limit=_HISTORY):
            if case.against in row.artefacts:
                metric, level, delay = self._validated(row, case.against)
                break
        before = case.began_at - timedelta(days=BASELINE_DAYS)
        known = self.rows.outcomes(
            Scope(case.model, before, version=case.against), delay, case.began_at
        ).of_one_arm(challenger=False)
        asked = self.rows.requests_by_hour(
            case.model, case.against, before, case.began_at, BASELINE_AN_HOUR
        )
        return limits(asked, known, level, metric, self._tolerance, delay)

    def _validated(self, deployment: Deployment, version: int) -> tuple[Metric, float, float]:
        """Metric, its value at validation, and label delay, as a version's artefact tells."""
        folder = deployment.artefacts[version]
        told = open_artefact(folder, artefact_key(self._settings)).metadata
        metric = told.get("metric", "f1")
        value = (told.get("validation") or {}).get(metric)
        if metric not in ("f1", "accuracy") or not isinstance(value, (int, float)):
            raise TrialError(
                f"model {deployment.model}, version {version}: its artefact has no validation "
                f"value of {metric!r}",
                "seal it with metadata metric (f1 or accuracy) and validation",
            )
        # Credits need an F1 strictly between 0 and 1.
        level = min(max(float(value), 0.01), 0.99)
        return metric, level, float(told.get("label_delay_seconds", 0.0))

    def _replayed(self, case: Case) -> Replay:
        terms = Terms.from_json(dict(case.terms))
        scope = scope_of(case)
        until = whole_windows(case.began_at, self._now() - SETTLE, terms.window)
        outcomes = self.rows.outcomes(scope, terms.label_delay, until)
        replay = Replay(terms)
        taken = 0
        for requests in self.rows.requests(scope, case.began_at, until, terms.window):
            stop = int(outcomes.at.searchsorted(requests.end(terms.window)))
            replay.add(requests, outcomes.part(taken, stop))
            taken = stop
        replay.add(Requests.none(), outcomes.part(taken, len(outcomes.at)))
        return replay

    def _watched(self, case: Case) -> Watch:
        probation = Probation.from_json(dict(case.terms))
        scope, now = scope_of(case), self._now() - SETTLE
        watch = Watch(probation)
        until = whole_windows(case.began_at, now, probation.window)
        until = min(until, case.began_at + timedelta(hours=probation.hours))
        for requests in self.rows.requests(scope, case.began_at, until, probation.window):
            watch.add_requests(requests)
        until = whole_windows(case.began_at, now, probation.label_window)
        watch.add_outcomes(self.rows.outcomes(scope, probation.label_delay, until))
        return watch


def evidence(settings: Settings, model: str) -> Decision | None:
    """The decision on a model's running trial, on all rows up to now; changes nothing.

    Returns:
        None where no challenger is on trial.

    Raises:
        DatabaseError: PostgreSQL does not answer.
        TrialError: the champion's artefact names no metric.
    """
    judge = Judge(settings)
    try:
        for case in judge.running(model):
            if case.kind is Kind.TRIAL:
                return judge._replayed(case).decision
        return None
    finally:
        judge.close()


def begun(history: list[Deployment], now: datetime) -> list[Case]:
    """The cases that a model's deployment runs, without terms.

    A champion is on probation where it came by a promotion, not by a start or a roll-back: the one
    that a roll-back returned to is the best there is, and is not rolled back by itself.

    Args:
        history: rows of the model, newest first.
        now: a probation ends after ``label_days``.
    """
    if not history:
        return []
    current, cases = history[0], []
    if current.challenger is not None:
        first = _streak(history, lambda row: row.trial)[-1]
        cases.append(
            Case(
                current.model, Kind.TRIAL, first.revision, current.challenger, current.champion,
                _millisecond(first.changed_at),
            )
        )  # fmt: skip
    serving = _streak(history, lambda row: row.champion)
    first, before = serving[-1], history[len(serving) : len(serving) + 1]
    promoted = bool(before) and before[0].challenger == current.champion
    fresh = now - first.changed_at < timedelta(days=Probation(0.01, 1, 0).label_days)
    if promoted and fresh:
        cases.append(
            Case(
                current.model, Kind.PROBATION, first.revision, current.champion,
                before[0].champion, _millisecond(first.changed_at),
            )
        )  # fmt: skip
    return cases


def scope_of(case: Case) -> Scope:
    """The rows that a case is judged by."""
    if case.kind is Kind.TRIAL:
        return Scope(case.model, case.began_at, trial=f"{case.model}/{case.version}")
    return Scope(case.model, case.began_at, version=case.version)


def _streak(rows: list[Deployment], of: Callable[[Deployment], object]) -> list[Deployment]:
    """The newest rows that agree with the newest of all."""
    return list(takewhile(lambda row: of(row) == of(rows[0]), rows))


def _millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _fix_aliases(settings: Settings) -> Callable[[str], None]:
    def follow(model: str) -> None:
        from ml.rollout.change import fix_aliases

        fix_aliases(settings, model)

    return follow
