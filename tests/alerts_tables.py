"""The tables of alerts, empty: tests share the databases of one server.

Belongs here: emptying them. Does not belong here: any test.
"""

from __future__ import annotations

from contextlib import closing

from ml.anomaly.outbox import Outbox
from platform_assets.alerts.store import alerts_database
from platform_assets.core.settings import Settings


def empty_alerts(settings: Settings) -> None:
    """No outbox, alert, incident, silence or message from an earlier test."""
    with closing(Outbox(settings)) as outbox:
        outbox.due(1)  # makes its tables
    with closing(alerts_database(settings)) as database, database.borrow() as connection:
        connection.execute(
            """TRUNCATE incident_events, alert_incidents, alerts, alert_events, alert_silences,
               alert_messages"""
        )
