"""Is there a reason to train again that has not been asked for, and may it be asked for now?

What was asked for is not kept apart: the runs themselves tell, by their tags. After the n-th
request for the same version in service the cool-down is 2^(n-1) times as long: if training does
not bring another champion, then more of it will not either, and days must not be spent on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ml.drift.compare import Move
from ml.drift.log import Entry
from ml.drift.watch import RULES, evidence
from ml.spec import Retraining

RETRY_AFTER = timedelta(hours=1)
"""Between a training that failed and its only retry."""
_NAMED = 5
_LONGEST = 500


@dataclass(frozen=True)
class Request:
    """A training that was asked for.

    Attributes:
        version: the champion whose reference was left behind.
        period: the day that gave the reason.
        retry: whether it is the second run for that reason.
        ended_at: when its run ended; None while it is queued or runs.
        failed: whether it failed.
        tags: of its run.
    """

    version: int
    period: date
    retry: bool
    ended_at: datetime | None
    failed: bool
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """Have the model trained.

    Attributes:
        key: of the run; the same reason has the same key for ever.
        tags: of the run: ``weir/reason``, ``weir/feature``, ``weir/shift``, ``weir/period``,
            ``weir/model``, ``weir/version``, ``weir/attempt``.
    """

    key: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Wait:
    """Do not.

    Attributes:
        reason: in words.
        gave_up: the request whose retry failed as well, where a person is needed; else None.
    """

    reason: str
    gave_up: Request | None = None


def next_request(
    entries: Sequence[Entry],
    past: Sequence[Request],
    champion: int | None,
    on_trial: int | None,
    *,
    cooldown: timedelta,
    retraining: Retraining = Retraining(),  # noqa: B008 (frozen)
    now: datetime | None = None,
) -> Ask | Wait:
    """What to do about periods of one model.

    Args:
        entries: new in the log, in any order.
        past: what was asked for this model before, in any order.
        champion: version in service; None where nothing is.
        on_trial: version on trial, if any.
        cooldown: least event time between the periods of two requests.
        retraining: what is a reason for this model.
        now: for the retry; default the clock.
    """
    if why := _blocked(past, champion, on_trial):
        return Wait(why)
    last = max(past, key=lambda each: (each.period, each.retry), default=None)
    failed = last if last and last.failed and last.version == champion else None
    if failed is not None and not failed.retry:
        return _retry(failed, now or datetime.now(UTC))
    known = [e for e in evidence(entries) if e.version == champion]
    reasons = [e for e in known if e.reason_for(retraining)]
    if not reasons:
        return Wait(_nothing(entries, champion, retraining), failed)
    newest = max(reasons, key=lambda entry: entry.day)
    if last is not None:
        asked = sum(each.version == champion and not each.retry for each in past)
        pause = cooldown * 2 ** max(0, min(asked, 12) - 1)
        if newest.day - last.period < pause:
            return Wait(
                f"cooling down for {pause / timedelta(hours=1):g} hours: "
                f"requested for {last.period}, "
                f"the newest reason is from {newest.day}",
                failed,
            )
    return Ask(f"{newest.model}/{newest.version}/{newest.day}", tags_of(newest, retraining))


def _blocked(past: Sequence[Request], champion: int | None, on_trial: int | None) -> str:
    if champion is None:
        return "no version is in service"
    if any(request.ended_at is None for request in past):
        return "a requested training is running"
    return "" if on_trial is None else f"version {on_trial} is on trial"


def _retry(last: Request, now: datetime) -> Ask | Wait:
    ended = last.ended_at or now
    if now - ended < RETRY_AFTER:
        return Wait(f"the training of {last.period} failed; tried again after {RETRY_AFTER}")
    tags = {**last.tags, "weir/attempt": "2"}
    return Ask(f"{tags['weir/model']}/{last.version}/{last.period}/2", tags)


def _nothing(entries: Sequence[Entry], champion: int | None, retraining: Retraining) -> str:
    if not entries:
        return "no new period"
    asking = [entry for entry in entries if entry.reason_for(retraining)]
    if not asking:
        return f"{len(entries)} new period(s), none of them a reason"
    if all(entry.version != champion for entry in asking):
        return f"reasons concern other versions than {champion}, which is in service"
    return "all reasons are before the end of the training data"


def tags_of(
    entry: Entry,
    retraining: Retraining = Retraining(),  # noqa: B008 (frozen)
) -> dict[str, str]:
    """What a run is told about why it was asked for; the features that moved, and how far."""
    moved = retraining.on_drift and entry.decision.retrain
    lasting = entry.decision.moved_for(RULES.persistence)[:_NAMED] if moved else ()
    return {
        "weir/model": entry.model,
        "weir/version": str(entry.version),
        "weir/period": entry.decision.period,
        "weir/reason": entry.reason_for(retraining)[:_LONGEST],
        "weir/feature": ", ".join(move.feature for move in lasting)[:_LONGEST],
        "weir/shift": ", ".join(_shift(move) for move in lasting)[:_LONGEST],
        "weir/attempt": "1",
    }


def _shift(move: Move) -> str:
    if move.kind == "numeric":
        return f"{move.shift:+.2f} sd"
    what = "empty" if move.kind == "missing" else repr(move.level)
    return f"{100 * move.shift:+.1f} points {what}"
