"""Fresh gold follows silver: each topic at its own pace, each failing model by itself.

All models that are well share one cursor a topic. A model that fails gets cursors of its own,
where its missing dates begin, and is tried again after a pause that doubles; the others go on.
Once it has caught up it follows the shared cursors again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from platform_assets.core.naming import TopicName
from platform_assets.core.trino import TrinoQueryError
from platform_assets.gold.fresh import FreshGold, StepResult
from platform_assets.gold.held import HeldModel, HeldModels
from platform_assets.streaming.ledger import Ledger

CONSUMER = "fresh_gold"
CHANGES_A_STEP = 500
"""Publications of a topic that one step takes in; their event dates are what costs."""

Dates = Mapping[TopicName, list[date]]


@dataclass(frozen=True)
class Turn:
    """What one turn did.

    Attributes:
        dates: event dates that it took in, by topic.
        rows: rows written, by model that ran.
        seconds: wall time of its dbt steps.
        held: model that failed -> why.
        released: models that were held and have caught up.
        trouble: why a table could not be shown in Trino; it is tried again with the next turn.
    """

    dates: Dates = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    held: Mapping[str, str] = field(default_factory=dict)
    released: tuple[str, ...] = ()
    trouble: str = ""


class Follower:
    """Steps the fresh models through what the ledger says has changed.

    Args:
        topics: the topics followed.
        gold: runs the models.
        ledger: what changed in silver.
        held: which models fail.
        show: makes new tables known to Trino; called before the first step of a topic.
        short: those of some topics whose silver must not be read now; each waits by itself.
    """

    def __init__(
        self,
        topics: Sequence[TopicName],
        gold: FreshGold,
        ledger: Ledger,
        held: HeldModels,
        *,
        show: Callable[[], object],
        short: Callable[[Iterable[TopicName]], set[TopicName]],
    ) -> None:
        self._topics = list(topics)
        self._gold = gold
        self._ledger = ledger
        self._held = held
        self._show = show
        self._short = short
        self._shown: set[TopicName] = set()
        self._trouble = ""

    def turn(self) -> Turn | None:
        """One step of the models that are well, or of one that is held and due; None: no change.

        After a crash in the middle the same dates are taken again, which changes nothing.

        Raises:
            WeirError: dbt, Trino or PostgreSQL as a whole does not work; nothing is lost, call
                again.
        """
        self._trouble = ""
        held = self._held.rows()
        for model in held:
            if model.due and not self._short(self._read_by(model.model)):
                return self._catch_up(model)
        dates, cursors = self._ledger.changed_dates(CONSUMER, self._topics, CHANGES_A_STEP)
        waiting = self._short(dates)
        dates = {topic: days for topic, days in dates.items() if topic not in waiting}
        if not dates:
            return None
        back = {model.model for model in held}
        ready = set(self._gold.models([topic.slug for topic in dates])) - back
        # A model of several topics, one of which waits, must not miss dates of the others.
        blocked = {name for name in ready if waiting.intersection(self._read_by(name))}
        result = self._step(dates, sorted(ready - blocked))
        reasons = {name: error.reason for name, error in result.failed.items()}
        named = ", ".join(map(str, sorted(waiting)))
        reasons |= dict.fromkeys(sorted(blocked), f"waits for the lost rows of {named}")
        for name, reason in reasons.items():
            # Where its dates begin, before the others go on.
            self._ledger.advance(
                _consumer(name), self._ledger.cursors(CONSUMER, self._read_by(name))
            )
            self._held.hold(name, reason, failures=1)
        self._ledger.advance(CONSUMER, {topic: cursors[topic] for topic in dates})
        return self._turn(dates, result)

    def reset(self) -> None:
        """Make tables known again before the next step: Trino may have restarted."""
        self._shown.clear()

    def _read_by(self, model: str) -> list[TopicName]:
        return [topic for topic in self._topics if model in self._gold.models([topic.slug])]

    def _catch_up(self, model: HeldModel) -> Turn:
        own = self._read_by(model.model)
        consumer = _consumer(model.model)
        dates, cursors = self._ledger.changed_dates(consumer, own, CHANGES_A_STEP)
        result = self._step(dates, [model.model]) if dates else StepResult((), 0.0)
        if model.model in result.failed:
            reason = result.failed[model.model].reason
            self._held.hold(model.model, reason, model.failures + 1)
            return self._turn({}, result)
        self._ledger.advance(consumer, cursors)
        reached = self._ledger.cursors(consumer, own)
        shared = self._ledger.cursors(CONSUMER, own)
        if all(reached[topic] >= shared[topic] for topic in own):
            self._held.release(model.model)
            return self._turn(dates, result, (model.model,))
        self._held.try_now(model.model)
        return self._turn(dates, result)

    def _step(self, dates: Dates, names: Sequence[str]) -> StepResult:
        if not set(dates) <= self._shown:
            try:
                self._show()
            except TrinoQueryError as error:
                # One table that cannot be shown holds back the models that read it, no others.
                self._trouble = str(error)
            else:
                self._shown.update(dates)
        return self._gold.step_each({topic.slug: days for topic, days in dates.items()}, names)

    def _turn(self, dates: Dates, result: StepResult, released: tuple[str, ...] = ()) -> Turn:
        held = {name: error.reason for name, error in result.failed.items()}
        return Turn(dates, result.rows, result.seconds, held, released, self._trouble)


def _consumer(model: str) -> str:
    return f"{CONSUMER}/{model}"
