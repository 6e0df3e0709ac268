"""How far a group has read its topics, and whether records wait for it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from platform_assets.connectors import kafka
from platform_assets.core.settings import Settings
from platform_assets.processors.exchange import consumer_config

Places = dict[tuple[str, int], int]
"""Topic and partition -> offset."""


def asker(settings: Settings, group: str) -> Consumer:
    """A consumer that asks for a group without joining it; the caller closes it."""
    return Consumer(
        {
            **consumer_config(settings),
            "group.id": group,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
        }
    )


def ends(consumer: Consumer, topics: Iterable[str], seconds: float) -> Places:
    """Where each partition ends now.

    Raises:
        KafkaException: the broker does not answer in time, or refuses.
    """
    found: Places = {}
    for topic in topics:
        for number in consumer.list_topics(topic, timeout=seconds).topics[topic].partitions:
            place = TopicPartition(topic, number)
            found[topic, number] = consumer.get_watermark_offsets(place, timeout=seconds)[1]
    return found


def committed(consumer: Consumer, places: Iterable[tuple[str, int]], seconds: float) -> Places:
    """The offsets before which the consumer's group has taken all; 0 where it has not begun.

    Raises:
        KafkaException: the broker does not answer in time, or refuses.
    """
    asked = [TopicPartition(topic, number) for topic, number in places]
    return {
        (one.topic, one.partition): max(0, one.offset)
        for one in consumer.committed(asked, timeout=seconds)
    }


def wait(
    consumer: Consumer, until: Mapping[tuple[str, int], int], places: Places, seconds: float
) -> bool:
    """Whether the log holds a record from ``places`` on and before ``until``.

    It is looked for: offsets alone count markers and what was aborted, too.

    Raises:
        KafkaException: the broker refuses.
    """
    starts: Places = {}
    for place, end in until.items():
        low, _ = consumer.get_watermark_offsets(TopicPartition(*place), timeout=seconds)
        if (start := max(low, places.get(place, low))) < end:
            starts[place] = start
    if not starts:
        return False
    consumer.assign([TopicPartition(*place, at) for place, at in starts.items()])
    left, stop = set(starts), time.monotonic() + seconds
    while left and time.monotonic() < stop:
        message = consumer.poll(0.2)
        if message is None:
            continue
        place = (str(message.topic()), int(message.partition() or 0))
        error = message.error()
        if error is None:
            if int(message.offset() or 0) < until[place]:
                return True
            left.discard(place)
        elif error.code() == KafkaError._PARTITION_EOF:
            left.discard(place)
        elif not kafka.may_pass(error):
            raise KafkaException(error)
    return bool(left)
