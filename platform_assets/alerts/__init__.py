"""Alerts: many of them become one incident, and people get few messages of it.

An *alert* is one series that is not as it should be, from when it opens to when it recovers. An
*incident* is the alerts that came close in time and go to the same people: what is told,
acknowledged, escalated and ends. Belongs here: how alerts are grouped and muted (:mod:`.board`,
pure), what is said (:mod:`.wording`), where both are kept and sent from (:mod:`.store`,
:mod:`.desk`), what people do (:mod:`.actions`), and the Kafka topic (:mod:`.publish`). Does not
belong here: what raises an alert (:mod:`ml.anomaly`), and the places that messages go to
(:mod:`platform_assets.messaging`).
"""
