"""A quick look at failures and latency alone, that remembers what it has read.

Each look reads only the windows since the last one. Rows that came late (a server kept them on its
disk) change what was read, so their number is compared first; where it differs, all is read again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ml.canary.sequential import Verdict
from ml.trials.judge import SETTLE, Finding, scope_of
from ml.trials.probation import Probation, Watch
from ml.trials.record import evidence_of_trial, evidence_of_watch
from ml.trials.replay import Outcomes, Replay, Requests, Terms
from ml.trials.rows import Scope, TrialRows, whole_windows
from ml.trials.store import Case, Kind

AT_ONCE = 200_000
"""Requests that one look reads, at most (about a page more): a look is part of a tick."""


class _Name(NamedTuple):
    model: str
    kind: Kind
    revision: int


@dataclass
class _State:
    test: Replay | Watch
    until: datetime
    taken: int = 0


class Guard:
    """Looks at the requests of cases; keeps one constant-size state a case. For one thread."""

    def __init__(
        self, rows: TrialRows, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Begin without memory.

        Args:
            rows: where requests are read.
            now: the clock.
        """
        self._rows = rows
        self._now = now
        self._states: dict[_Name, _State] = {}

    def look(self, case: Case) -> Finding:
        """Read a case's new requests.

        Returns:
            A finding: ``roll back`` where failures or latency are shown to be above what is
            tolerated, else ``continue``.

        Raises:
            DatabaseError: PostgreSQL does not answer.
        """
        name, scope = _Name(case.model, case.kind, case.revision), scope_of(case)
        state = self._states.get(name) or _begin(case)
        if self._rows.count(scope, case.began_at, state.until) != state.taken:
            state = _begin(case)
        self._states[name] = state
        self._read(state, scope, case)
        return _found(case, state.test)

    def forget(self, running: list[Case]) -> None:
        """Drop the states of all cases but these."""
        names = {_Name(case.model, case.kind, case.revision) for case in running}
        self._states = {name: state for name, state in self._states.items() if name in names}

    def _read(self, state: _State, scope: Scope, case: Case) -> None:
        window = _window(state.test)
        until = whole_windows(case.began_at, self._now() - SETTLE, window)
        if isinstance(state.test, Watch):
            hours = timedelta(hours=state.test.probation.hours)
            until = min(until, case.began_at + hours)
        read = 0
        for requests in self._rows.requests(scope, state.until, until, window):
            _give(state.test, requests)
            read += len(requests.at)
            state.taken += len(requests.at)
            state.until = case.began_at + timedelta(seconds=requests.end(window))
            if read >= AT_ONCE:
                return
        state.until = max(until, state.until)


def _begin(case: Case) -> _State:
    if case.kind is Kind.TRIAL:
        return _State(Replay(Terms.from_json(dict(case.terms))), case.began_at)
    return _State(Watch(Probation.from_json(dict(case.terms))), case.began_at)


def _window(test: Replay | Watch) -> float:
    return test.terms.window if isinstance(test, Replay) else test.probation.window


def _give(test: Replay | Watch, requests: Requests) -> None:
    if isinstance(test, Replay):
        test.add(requests, Outcomes.none())
    else:
        test.add_requests(requests)


def _found(case: Case, test: Replay | Watch) -> Finding:
    if isinstance(test, Replay):
        return Finding(case, test.decision.verdict, test.decision.reason, evidence_of_trial(test))
    verdict = Verdict.ROLL_BACK if test.broken else Verdict.CONTINUE
    return Finding(case, verdict, test.reason, evidence_of_watch(test))
