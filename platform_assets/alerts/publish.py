"""The record as a Kafka topic: each event at least once, always under its own id."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from platform_assets.alerts.store import alerts_database
from platform_assets.alerts.wording import incident_url
from platform_assets.connectors.avro_codec import Columns, Encoder
from platform_assets.connectors.envelope import event_id, micros, now_micros
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.load import load_contracts
from platform_assets.core.databases import retry_connection
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

TOPIC = TopicName("alerts", "events")
AT_ONCE = 2_000
_SECONDS = 15.0
_DETAILS = (
    "stream", "series", "severity", "owner", "value", "score", "threshold", "detector", "alerts",
    "firing", "link",
)  # fmt: skip

_Row = tuple[int, str, str, str, str | None, str | None, datetime, str, str, Any, datetime]


class Publisher:
    """Sends what is on record and not in the topic; use :meth:`close` afterwards.

    Args:
        settings: where PostgreSQL, the broker, the registry and the portal are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = alerts_database(settings)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def publish(self) -> int:
        """Send all that waits, oldest first; returns how many.

        An event is marked after the broker has it, so a crash between the two sends it again
        under the same id. The key is the incident: its events are in one partition, in order.

        Raises:
            WeirError: PostgreSQL, the broker or the registry do not answer; what was not sent is
                sent by the next call.
        """
        sent = 0
        if not (rows := self._waiting()):
            return sent
        contract = load_contracts()[TOPIC]
        ids = ensure_topics(self._settings, [contract])
        encoder = Encoder(contract, ids[TOPIC], "alerts")
        with LogProducer(self._settings, linger_ms=5, delivery_seconds=_SECONDS) as producer:
            while rows:
                keys = [(row[4] or row[1]).encode() for row in rows]
                values = encoder.encode_columns(self._columns(rows))
                for key, value in zip(keys, values, strict=True):
                    producer.send(Record(str(TOPIC), key, value))
                producer.flush()
                self._published([row[0] for row in rows])
                sent += len(rows)
                rows = self._waiting()
        return sent

    def _columns(self, rows: list[_Row]) -> Columns:
        portal = self._settings.portal_url
        links = [incident_url(portal, row[4]) if row[4] else None for row in rows]
        details = [row[9] for row in rows]
        return Columns(
            event_ids=[event_id(str(TOPIC), row[1]) for row in rows],
            ops=["c"] * len(rows),
            occurred_at=[micros(row[10]) for row in rows],
            ingested_at=[now_micros()] * len(rows),
            after={
                "scope": [row[2] for row in rows],
                "kind": [row[3] for row in rows],
                "incident": [row[4] for row in rows],
                "alert": [row[5] for row in rows],
                "title": [one.get("title", "") for one in details],
                "signals": [json.dumps(one.get("signals", [])) for one in details],
                "incident_link": [link or None for link in links],
                "chart_link": [f"{link}/chart.png" if link else None for link in links],
                "actor": [row[7] or None for row in rows],
                "comment": [row[8] or None for row in rows],
                "observed_at": [micros(row[6]) for row in rows],
                **{name: [one.get(name) for one in details] for name in _DETAILS},
            },
        )

    @retry_connection
    def _waiting(self) -> list[_Row]:
        with self._database.borrow() as connection:
            return connection.execute(
                """SELECT seq, id, scope, kind, incident, alert, at, actor, comment, details,
                     recorded_at
                   FROM alert_events WHERE published_at IS NULL ORDER BY seq LIMIT %s""",
                (AT_ONCE,),
            ).fetchall()

    @retry_connection
    def _published(self, seqs: list[int]) -> None:
        with self._database.borrow() as connection:
            connection.execute(
                "UPDATE alert_events SET published_at = now() WHERE seq = ANY(%s)", (seqs,)
            )
