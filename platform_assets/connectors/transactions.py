"""The steps of a Kafka transaction that all who write one share.

Belongs here: handing a record over, ending, aborting. Does not belong here: what is in the
transaction (:mod:`.seam.transaction` for sources, ``processors.exchange`` for processors).
"""

from __future__ import annotations

import time
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer

from platform_assets.connectors.produce import Record

FENCED: Final = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
"""Another process has the transactional id."""
_ATTEMPTS = 3


def hand_over(producer: Producer, record: Record, seconds: float) -> None:
    """Give the client a record; waits while its buffer is full.

    Raises:
        KafkaException: the buffer stays full for so many seconds, or the record is refused.
    """
    arguments = record.arguments
    deadline = time.monotonic() + seconds
    while True:
        try:
            producer.produce(record.topic, **arguments)
        except BufferError:
            # Back-pressure: the broker takes less than we give.
            producer.poll(0.1)
            if time.monotonic() > deadline:
                code = KafkaError._TIMED_OUT_QUEUE
                raise KafkaException(KafkaError(code, "the send buffer stays full")) from None
        else:
            return


def end(producer: Producer, seconds: float) -> None:
    """Commit the open transaction; it flushes first.

    Raises:
        KafkaException: the broker refuses, or does not commit in three times so many seconds.
    """
    for attempt in range(_ATTEMPTS):
        try:
            producer.commit_transaction(seconds)
        except KafkaException as error:
            # The client waits between its own attempts; asked again, it goes on with this one.
            if not error.args[0].retriable() or attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def abort(producer: Producer, seconds: float) -> None:
    """Abort the open transaction; the broker does it itself where this cannot."""
    try:
        producer.purge()
        producer.flush(seconds)
        producer.abort_transaction(seconds)
    except KafkaException:
        pass
