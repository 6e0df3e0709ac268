"""What an error of a micro-batch says about trying it again."""

from __future__ import annotations

from confluent_kafka import KafkaException

from platform_assets.connectors.kafka import BrokerRefusedError, BrokerUnreachableError, may_pass
from platform_assets.connectors.registry import SchemaRefusedError
from platform_assets.connectors.topics import TopicError
from platform_assets.core.databases import DatabaseAwayError
from platform_assets.engines.base import MicroBatch
from platform_assets.engines.layout import SchemaConflictError
from platform_assets.engines.log import LogRefusedError, LogUnavailableError
from platform_assets.engines.registry import RegistryUnavailableError
from platform_assets.streaming.dead_letters import DeadLetterAwayError, DeadLetterError
from platform_assets.streaming.generations import TopicReplacedError
from platform_assets.streaming.halts import Halt, Reason
from platform_assets.streaming.microbatch import AuditError
from platform_assets.streaming.plan import LogGapError, LogShorterError
from platform_assets.streaming.whole import ReplayError

_AWAY = (
    DatabaseAwayError,
    LogUnavailableError,
    RegistryUnavailableError,
    BrokerUnreachableError,
    DeadLetterAwayError,
)
_FINAL = (
    AuditError,
    ReplayError,
    LogGapError,
    TopicReplacedError,
    LogRefusedError,
    BrokerRefusedError,
    DeadLetterError,
    SchemaConflictError,
    SchemaRefusedError,
    TopicError,
)


def is_away(error: BaseException) -> bool:
    """Whether it says that a server does not answer: tried for as long as that takes.

    Not the type of a client's error tells, but what it says: the same client also brings the
    answers of a server that is there and refuses, which it would refuse for ever.
    """
    return isinstance(error, _AWAY) or may_pass(error)


def is_final(error: BaseException) -> bool:
    """Whether the same records would fail the same way again, so that the topic halts at once."""
    if is_away(error) or isinstance(error, LogShorterError):
        return False
    return isinstance(error, (*_FINAL, KafkaException))


def halt_of(error: BaseException, batch: MicroBatch | None) -> Halt:
    """The halt that an error is.

    Args:
        error: what a topic failed of.
        batch: the micro-batch that is held, if one is.
    """
    if isinstance(error, LogGapError) and error.gaps:
        return Halt(Reason.GAP, ranges=error.gaps)
    kinds: dict[Reason, tuple[type[Exception], ...]] = {
        Reason.ROWS: (AuditError,),
        Reason.REFUSED: (SchemaRefusedError, TopicError),
        Reason.RECORDS: (ReplayError,),
    }
    reason = next((r for r, types in kinds.items() if isinstance(error, types)), Reason.OTHER)
    return Halt(reason, batch.id, batch.ranges) if batch else Halt(reason)
