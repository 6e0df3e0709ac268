"""What the registry's schema ids meant when records were taken."""

from __future__ import annotations

from platform_assets.core.migrations import run_sql

revision = "v0005"
down_revision = "v0004"

_TABLES = """
CREATE TABLE writer_schema (
    fingerprint  text PRIMARY KEY,            -- SHA-256 of the schema, keys sorted
    schema       text NOT NULL
);
-- From a micro-batch on, a schema id in a topic's records means this schema.
CREATE TABLE schema_meaning (
    topic        text NOT NULL,
    schema_id    bigint NOT NULL,
    from_batch   bigint NOT NULL,
    fingerprint  text NOT NULL REFERENCES writer_schema (fingerprint),
    PRIMARY KEY (topic, schema_id, from_batch)
);
"""


def upgrade() -> None:
    """Make what is missing."""
    run_sql(_TABLES)
