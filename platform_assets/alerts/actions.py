"""What people do with incidents: acknowledge, escalate, silence. Each is on record with its author.

Messages about it are made by the next look of :class:`.desk.Desk`.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta

from platform_assets.alerts.model import AlertError, Happened, Incident, Kind, Scope, Silence
from platform_assets.alerts.store import changing, incidents, moment, record, silences
from platform_assets.core.databases import Connection, Database, retry_connection
from platform_assets.messaging.matchers import Matcher

LONGEST_SILENCE = timedelta(days=366)


@retry_connection
def acknowledge(database: Database, name: str, who: str, comment: str = "") -> Incident:
    """Somebody looks after an incident: it does not escalate and is not repeated.

    Args:
        database: see :func:`.store.alerts_database`.
        name: of the incident, or how it begins.
        who: does it.
        comment: what is known so far.

    Raises:
        AlertError: there is no such incident, it is over, or somebody was quicker.
    """
    now = time.time()
    with changing(database) as change:
        incident = _open(change.board.incidents, change.connection, name)
        if incident.acked_at is not None and incident.acked_by == who:
            return incident
        if incident.acked_at is not None:
            raise AlertError(
                f"incident {incident.id} is acknowledged by {incident.acked_by}",
                f"see weir alerts show {incident.id}",
            )
        incident.acked_at, incident.acked_by, incident.ack_comment = now, who, comment
        change.board.changed.add(incident.id)
        change.board.happened.append(
            _done(incident.id, Scope.INCIDENT, Kind.ACKNOWLEDGED, now, who, comment)
        )
    return incident


@retry_connection
def escalate(database: Database, name: str, who: str) -> Incident:
    """Take the next step of an incident's escalation now.

    Raises:
        AlertError: there is no such incident, it is over, nobody was told yet, or its rules have
            no further step.
    """
    with changing(database) as change:
        incident = _open(change.board.incidents, change.connection, name)
        if not incident.escalate:
            raise AlertError(
                f"incident {incident.id}: its rules have no further step",
                "add `escalate` to its route, see docs/how-to/alerts.md",
            )
        if incident.first_told_at is None:
            raise AlertError(
                f"incident {incident.id} is muted: nobody was told of it", "expire the silence"
            )
        incident.escalate_by = who
        change.board.changed.add(incident.id)
    return incident


def silence(
    database: Database,
    matchers: Sequence[Matcher],
    length: timedelta,
    who: str,
    comment: str,
    starts_at: float | None = None,
) -> Silence:
    """Tell nobody of alerts that fit, for a while.

    Args:
        database: see :func:`.store.alerts_database`.
        matchers: all must fit.
        length: how long; it ends by itself.
        who: does it.
        comment: why.
        starts_at: now by default.

    Raises:
        AlertError: no matcher, no reason, or a length of nothing or of more than a year.
    """
    if not matchers:
        raise AlertError("a silence without matchers would mute everything", "name some labels")
    if not comment.strip():
        raise AlertError("a silence needs a comment", "say why: others will ask")
    if not timedelta(0) < length <= LONGEST_SILENCE:
        raise AlertError(f"a silence of {length} is not possible", "at most 366 days")
    now = time.time()
    begin = now if starts_at is None else starts_at
    made = Silence(
        uuid.uuid4().hex[:8], tuple(matchers), begin, begin + length.total_seconds(), now, who,
        comment.strip(),
    )  # fmt: skip
    _keep(database, made)
    return made


@retry_connection
def _keep(database: Database, made: Silence) -> None:
    texts = [str(one) for one in made.matchers]
    length = timedelta(seconds=made.ends_at - made.starts_at)
    why = f"{', '.join(texts)} for {length}: {made.comment}"
    with changing(database) as change:
        change.connection.execute(
            """INSERT INTO alert_silences
                 (id, matchers, starts_at, ends_at, created_at, created_by, comment)
               VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            (
                made.id, json.dumps(texts), moment(made.starts_at), moment(made.ends_at),
                moment(made.created_at), made.created_by, made.comment,
            ),
        )  # fmt: skip
        at, who = made.created_at, made.created_by
        record(change.connection, [_done(made.id, Scope.SILENCE, Kind.SILENCED, at, who, why)])


@retry_connection
def expire(database: Database, name: str, who: str) -> Silence:
    """End a silence before its time.

    Raises:
        AlertError: there is none of that name, or it has ended.
    """
    now = time.time()
    with changing(database) as change:
        found = [one for one in silences(change.connection, active=False) if one.id == name]
        if not found:
            raise AlertError(f"no silence {name!r}", "see weir alerts silence list")
        if found[0].state(now) == "expired":
            raise AlertError(f"silence {name} has ended already", "see weir alerts silence list")
        change.connection.execute(
            "UPDATE alert_silences SET ends_at = %s WHERE id = %s", (moment(now), name)
        )
        record(change.connection, [_done(name, Scope.SILENCE, Kind.EXPIRED, now, who, "")])
    return found[0]


def _open(known: dict[str, Incident], connection: Connection, name: str) -> Incident:
    fitting = [one for one in known.values() if name and one.id.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise AlertError(f"{len(fitting)} open incidents begin with {name!r}", "give more of it")
    if incidents(connection, "id = %s", name):
        raise AlertError(f"incident {name} is over", "see weir alerts list --all")
    raise AlertError(f"no incident {name!r}", "see weir alerts list")


def _done(subject: str, scope: Scope, kind: Kind, now: float, who: str, comment: str) -> Happened:
    incident = subject if scope is Scope.INCIDENT else None
    title = {
        Kind.ACKNOWLEDGED: f"Incident {subject} is looked after by {who}",
        Kind.SILENCED: f"Silence {subject} was made by {who}",
        Kind.EXPIRED: f"Silence {subject} was ended by {who}",
    }[kind]
    return Happened(
        f"{subject}:{kind.value}:{now:.3f}", scope, kind, now, now, incident, actor=who,
        comment=comment, details={"title": title},
    )  # fmt: skip
