"""The first tables."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0001"
down_revision = None

_TABLES = """
CREATE TABLE alert_incidents (
    id            text PRIMARY KEY,          -- follows from its group and its first alert
    group_key     text NOT NULL,             -- places and labels that its alerts share
    places        jsonb NOT NULL,            -- where its messages go
    escalate      jsonb NOT NULL,            -- [[seconds, places], ...] that are left
    opened_at     timestamptz NOT NULL,
    joined_at     timestamptz NOT NULL,      -- when its newest alert joined
    first_told_at timestamptz,
    told_at       timestamptz,               -- last message with news
    updates       integer NOT NULL DEFAULT 0,
    messages      integer NOT NULL DEFAULT 0,
    escalations   integer NOT NULL DEFAULT 0,
    escalate_by   text NOT NULL DEFAULT '',  -- who asks for the next step now
    acked_at      timestamptz,
    acked_by      text NOT NULL DEFAULT '',
    ack_comment   text NOT NULL DEFAULT '',
    ack_told      boolean NOT NULL DEFAULT false,
    ended_at      timestamptz
);
CREATE INDEX alert_incidents_open ON alert_incidents (opened_at) WHERE ended_at IS NULL;
CREATE TABLE alerts (
    id          text PRIMARY KEY,            -- series and time of its first strange point
    incident    text NOT NULL REFERENCES alert_incidents,
    stream      text NOT NULL,
    series      text NOT NULL,
    signal      text NOT NULL,               -- the one that is furthest above its threshold
    severity    text NOT NULL,
    owner       text NOT NULL,
    source      text NOT NULL,
    title       text NOT NULL,
    unit        text NOT NULL,
    link        text NOT NULL,
    value       double precision NOT NULL,   -- of the signal, as are score and threshold
    score       double precision NOT NULL,
    threshold   double precision,
    peak        double precision NOT NULL,   -- highest score / threshold
    opened_at   timestamptz NOT NULL,        -- of the data
    changed_at  timestamptz NOT NULL,        -- of the data
    joined_at   timestamptz NOT NULL,
    ended_at    timestamptz,
    told        boolean NOT NULL DEFAULT false,
    worse       boolean NOT NULL DEFAULT false,  -- since last told
    muted_by    text NOT NULL DEFAULT '',
    body        text NOT NULL                -- what is said where it stands alone
);
CREATE INDEX alerts_incident ON alerts (incident);
-- What happened, never changed; published to Kafka under the same ids.
CREATE TABLE alert_events (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           text NOT NULL UNIQUE,
    scope        text NOT NULL,              -- alert, incident or silence
    kind         text NOT NULL,
    incident     text,
    alert        text,
    at           timestamptz NOT NULL,       -- of the data, or the moment
    actor        text NOT NULL DEFAULT '',
    comment      text NOT NULL DEFAULT '',
    details      jsonb NOT NULL,             -- further columns of the contract alerts.events
    recorded_at  timestamptz NOT NULL,
    published_at timestamptz
);
CREATE INDEX alert_events_unpublished ON alert_events (seq) WHERE published_at IS NULL;
CREATE INDEX alert_events_incident ON alert_events (incident, seq) WHERE scope <> 'alert';
CREATE TABLE alert_silences (
    id         text PRIMARY KEY,
    matchers   jsonb NOT NULL,               -- texts; all must fit
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    comment    text NOT NULL
);
-- The outbox: one row a message and place, each sent once.
CREATE TABLE alert_messages (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident     text NOT NULL REFERENCES alert_incidents,
    ordinal      integer NOT NULL,           -- 0: the first of its incident
    place        text NOT NULL,
    event        text NOT NULL,
    lead         text NOT NULL,              -- the alert whose signal is drawn
    notification jsonb NOT NULL,
    chart        bytea,                      -- PNG, as it was sent
    created_at   timestamptz NOT NULL,
    sent_at      timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL,       -- infinity: given up
    error        text,
    UNIQUE (incident, ordinal, place)
);
CREATE INDEX alert_messages_waiting ON alert_messages (next_at) WHERE sent_at IS NULL;
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(_TABLES)
