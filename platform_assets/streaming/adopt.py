"""Continues with a topic that is no longer the one whose offsets were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.streaming.generations import Generation, Generations
from platform_assets.streaming.microbatch import Processor
from platform_assets.streaming.plan import Extent, LogGapError, LogShorterError, plan_ranges
from platform_assets.streaming.topics import TopicStates


class NothingToAdoptError(WeirError):
    """The topic is the one that was recorded, and holds all that was taken from it."""


@dataclass(frozen=True)
class Adoption:
    """What going on with the topic means.

    Attributes:
        before, after: the generation that was taken from, and the one that begins.
        recorded: per Kafka partition the first offset that was not taken from the old one.
        extents: what the log holds now; all of it will be taken.
        kept: unpublished micro-batches whose records are in bronze; they are finished from there.
        lost: unpublished micro-batches of which bronze has nothing, with their records.
    """

    before: Generation
    after: Generation
    recorded: Mapping[int, int]
    extents: Mapping[int, Extent]
    kept: tuple[int, ...]
    lost: Mapping[int, int]

    @property
    def recreated(self) -> bool:
        """Whether it is another topic (else: the same one, whose log was cut off)."""
        return self.before.topic_id != self.after.topic_id


def adoption(processor: Processor, contract: Contract) -> Adoption:
    """Find out what going on means; changes nothing.

    Raises:
        NothingToAdoptError: there is no need to.
    """
    topic, ledger, broker = contract.topic, processor.ledger, processor.broker
    progress = ledger.progress(topic)
    found, extents = broker.topic_id(topic), broker.extents(topic)
    before = progress.generation
    same = found in (None, before.topic_id)
    if same and not _is_shorter(str(topic), extents, progress.next_offsets):
        raise NothingToAdoptError(
            f"{topic} is the topic that was recorded, and holds all that was taken from it",
            "why a topic is halted: weir streams",
        )
    processor.engine.ensure_tables(contract)
    # A bulk file is not of the log: what of it never landed is taken from it again.
    unpublished = [item.batch for item in ledger.open_batches(topic) if not item.batch.is_file]
    ids = [batch.id for batch in unpublished]
    held = processor.engine.rows(contract, contract.topic.bronze, ids)
    recorded = ledger.recorded(topic, held)
    return Adoption(
        before,
        Generation(before.number + 1, found or before.topic_id),
        progress.next_offsets,
        extents,
        tuple(number for number, rows in held.items() if rows),
        {number: recorded[number] for number, rows in held.items() if not rows},
    )


def adopt(processor: Processor, contract: Contract, states: TopicStates) -> Adoption:
    """Begin a generation with the topic as it is now, and free it if it is halted.

    Nothing that is in the tables is touched, now or later: micro-batches of older generations
    are read from bronze alone.

    Raises:
        NothingToAdoptError: there is no need to.
    """
    found = adoption(processor, contract)
    Generations(processor.settings).begin(contract.topic, found.after, list(found.lost))
    states.set_paused(contract.topic, paused=False)
    return found


def _is_shorter(topic: str, extents: Mapping[int, Extent], taken: Mapping[int, int]) -> bool:
    try:
        plan_ranges(topic, extents, taken, 1)
    except LogShorterError:
        return True
    except LogGapError:
        return False
    return False
