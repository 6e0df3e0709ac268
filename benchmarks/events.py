"""Clickstream events on a topic of a bench's own.

Belongs here: the benches' topic and its records. Does not belong here: reading them.

The records are the simulator's: sessions, duplicates, late and out-of-order ones, rule
breakers. Undecodable bytes are left out: a bare loop may then decode a whole batch without
looking at each body, while Weir still looks, so the comparison errs against Weir.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.envelope import micros
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate.clickstream import Clickstream
from platform_assets.connectors.simulate.history import whole_hour
from platform_assets.connectors.simulate.weave import Shares, Weaver
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger_database import ledger_database
from platform_assets.streaming.plan import Broker

SEED = 7
SHARES = Shares(duplicates=0.02)
_SLICE = 250_000


def contract_for(entity: str) -> Contract:
    """Clickstream's contract under a topic of the benches' own."""
    base = load_contracts()[TopicName("commerce", "clickstream")]
    return replace(base, topic=TopicName("bench", entity))


def produce(settings: Settings, entity: str, events: int, days: float) -> int:
    """Put ``events`` records that span ``days`` on the topic; returns the schema's id."""
    contract = contract_for(entity)
    schema_id = ensure_topics(settings, [contract])[contract.topic]
    encoder = Encoder(contract, schema_id, "simulator")
    weaver = Weaver(contract, SHARES, f"bench-{entity}")
    rng = np.random.default_rng([SEED, *entity.encode()])
    stream = Clickstream()
    end = whole_hour()
    start = micros(end - timedelta(days=days))
    span = micros(end) - start
    sent, topic = 0, str(contract.topic)
    with LogProducer(settings) as producer:
        while sent < events:
            # A few more than wanted, for those that are left out.
            count = min(_SLICE, int((events - sent) * 1.01) + 16)
            begin = start + span * sent // events
            stop = start + span * min(events, sent + count) // events
            duplicates = weaver.duplicates_in(count)
            drawn = stream.draw(rng, count - duplicates, begin, stop)
            woven = weaver.weave(rng, drawn, duplicates, stop)
            pairs = woven.encode(contract, encoder)
            for row in woven.order.tolist():
                if row not in woven.undecodable and sent < events:
                    producer.send(Record(topic, *pairs[row]))
                    sent += 1
    return schema_id


def ends(settings: Settings, entity: str) -> dict[int, int]:
    """Per Kafka partition the offset after its last record."""
    extents = Broker(settings).extents(contract_for(entity).topic)
    return {partition: extent.high for partition, extent in extents.items()}


def forget(settings: Settings, entity: str) -> None:
    """Clear the ledger of a topic, so that the next run starts at its first record."""
    name = str(contract_for(entity).topic)
    with ledger_database(settings).borrow() as connection, connection.transaction():
        for table in (
            "micro_batch_range", "micro_batch", "stream_window", "silver_change",
            "consumer_cursor", "topic_state",
        ):  # fmt: skip
            connection.execute(f"DELETE FROM {table} WHERE topic = %s", (name,))
