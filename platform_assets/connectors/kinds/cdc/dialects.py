"""The databases that Debezium speaks: one table of what differs between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from platform_assets.connectors.seam.addresses import Peer
from platform_assets.connectors.seam.types import Maturity

PREFIX = "_weir_cdc"
"""Of the raw topics: ``_weir_cdc.<source>.<table>``."""

_SECRETS = ("password", "secret", "sasl.jaas", "token", "credential")
_ADDRESSES = (
    "hostname", "url", "connection.string", "bootstrap", "driver.", "proxy", "schema.history",
    "signal", "notification",
)  # fmt: skip
"""Of properties that lead elsewhere than to ``host``, past the look at its address."""


class CdcConfig(BaseModel):
    """Where the database is, and who reads its log.

    Attributes:
        host, port: of the database; port 0: its usual one.
        user: one who may replicate.
        password: name of the secret.
        database: whose log is read; of MongoDB, whose collections.
        slot, publication: of PostgreSQL, as they are called there; empty: ``weir_<source>``. A
            publication that exists is used as it is.
        settings: further properties of Debezium's connector, none of them secret.
        keep_hours: how long the raw topics keep changes that were read.
    """

    model_config = ConfigDict(extra="forbid")

    host: str
    port: int = Field(default=0, ge=0, le=65535)
    user: str
    password: str
    database: str = ""
    slot: str = Field(default="", pattern=r"^[a-z0-9_]{0,63}$")
    publication: str = Field(default="", pattern=r"^[A-Za-z0-9_]{0,63}$")
    settings: Mapping[str, str | int | bool] = Field(default_factory=dict)
    keep_hours: float = Field(default=168, gt=0)

    @field_validator("settings")
    @classmethod
    def _no_secret(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in value:
            if any(word in name for word in _SECRETS):
                raise ValueError(f"{name}: a secret is named in `password`, never written here")
            if name in _OURS or any(word in name for word in _ADDRESSES):
                raise ValueError(f"{name} is set by Weir")
        return value

    def peers(self) -> list[Peer]:
        """The database."""
        return [(self.host, self.port)]


class CdcStream(BaseModel):
    """One table.

    Attributes:
        table: as the database has it: ``schema.table``, of MySQL and MongoDB
            ``database.table``; empty: the stream's name.
        key: columns that identify a row, where the table has no primary key.
        page_rows: changes that are committed together, at most.
    """

    model_config = ConfigDict(extra="forbid")

    table: str = ""
    key: Sequence[str] = ()
    page_rows: int = Field(default=5_000, ge=1, le=100_000)


@dataclass(frozen=True)
class Dialect:
    """A database as Debezium's connector for it sees it.

    Attributes:
        name: of the connector type.
        title: for people.
        connector: class of Debezium's connector.
        port: the usual one.
        maturity: what its tests prove.
        tables: the property that lists what is read.
        required: configuration entries without which it cannot be.
        position: fields of an event's ``source`` that name a change's place in the log.
        properties: fixed ones; ``{...}`` is filled from the configuration.
        history: whether the connector keeps a topic of the tables' earlier shapes.
        inside: the raw topic has the database before ``schema.table``.
    """

    name: str
    title: str
    connector: str
    port: int
    position: tuple[str, ...]
    maturity: Maturity = Maturity.CONFIGURED
    tables: str = "table.include.list"
    required: tuple[str, ...] = ("database",)
    properties: Mapping[str, str] = field(default_factory=dict)
    history: bool = False
    inside: bool = False

    def topic(self, source: str, config: CdcConfig, table: str) -> str:
        """The raw topic of a table."""
        place = f"{config.database}.{table}" if self.inside else table
        return f"{PREFIX}.{source}.{place}"


_ADDRESS = {
    "database.hostname": "{host}",
    "database.port": "{port}",
    "database.user": "{user}",
    "database.password": "{password}",
}
_BINLOG = _ADDRESS | {
    "database.server.id": "{server_id}",
    "database.include.list": "{database}",
    "include.schema.changes": "false",
}
_OURS = frozenset(
    {
        *_ADDRESS, "name", "connector.class", "tasks.max", "topic.prefix", "table.include.list",
        "collection.include.list", "slot.name", "publication.name", "key.converter",
        "value.converter", "decimal.handling.mode", "time.precision.mode",
        "message.key.columns", "transforms", "unavailable.value.placeholder",
        "provide.transaction.metadata", "skipped.operations",
    }
)  # fmt: skip

DIALECTS = (
    Dialect(
        name="postgresql_cdc",
        title="PostgreSQL, its changes (Debezium, pgoutput)",
        connector="io.debezium.connector.postgresql.PostgresConnector",
        port=5432,
        position=("lsn", "txId"),
        maturity=Maturity.REAL,
        properties=_ADDRESS
        | {
            "database.dbname": "{database}",
            "plugin.name": "pgoutput",
            "slot.name": "{slot}",
            "publication.name": "{publication}",
            "publication.autocreate.mode": "filtered",
            "hstore.handling.mode": "json",
            "interval.handling.mode": "string",
        },
    ),
    Dialect(
        name="mariadb_cdc",
        title="MariaDB, its changes (Debezium, binlog)",
        connector="io.debezium.connector.mariadb.MariaDbConnector",
        port=3306,
        position=("file", "pos", "row"),
        maturity=Maturity.REAL,
        properties=_BINLOG,
        history=True,
    ),
    Dialect(
        name="mysql_cdc",
        title="MySQL, its changes (Debezium, binlog)",
        connector="io.debezium.connector.mysql.MySqlConnector",
        port=3306,
        position=("file", "pos", "row"),
        properties=_BINLOG,
        history=True,
    ),
    Dialect(
        name="sqlserver_cdc",
        title="SQL Server, its changes (Debezium, change tables)",
        connector="io.debezium.connector.sqlserver.SqlServerConnector",
        port=1433,
        position=("commit_lsn", "change_lsn", "event_serial_no"),
        properties=_ADDRESS | {"database.names": "{database}"},
        history=True,
        inside=True,
    ),
    Dialect(
        name="oracle_cdc",
        title="Oracle, its changes (Debezium, LogMiner)",
        connector="io.debezium.connector.oracle.OracleConnector",
        port=1521,
        position=("scn", "rs_id", "ssn", "txId"),
        properties=_ADDRESS | {"database.dbname": "{database}"},
        history=True,
    ),
    Dialect(
        name="db2_cdc",
        title="Db2, its changes (Debezium, ASN capture)",
        connector="io.debezium.connector.db2.Db2Connector",
        port=50000,
        position=("commit_lsn", "change_lsn"),
        properties=_ADDRESS | {"database.dbname": "{database}"},
        history=True,
    ),
    Dialect(
        name="mongodb_cdc",
        title="MongoDB, its changes (Debezium, change streams)",
        connector="io.debezium.connector.mongodb.MongoDbConnector",
        port=27017,
        position=("ts_ms", "ord", "lsid", "txnNumber"),
        tables="collection.include.list",
        properties={
            "mongodb.connection.string": "mongodb://{host}:{port}/",
            "mongodb.user": "{user}",
            "mongodb.password": "{password}",
            "capture.mode": "change_streams_update_full_with_pre_image",
        },
    ),
)
