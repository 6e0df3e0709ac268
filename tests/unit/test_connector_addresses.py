"""A source reaches public addresses, and those that the operator allows, whatever its type."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from platform_assets.connectors.seam.addresses import (
    InternalAddressError,
    addresses,
    networks,
    peers_of,
    permitted,
    require_permitted,
)
from platform_assets.connectors.seam.reader import ConnectorError, Context
from platform_assets.connectors.seam.types import ConnectorType, Kind, connector_types
from platform_assets.core.settings import Settings

_INSIDE = "10.9.8.7"
_HOST = {"host": _INSIDE}
_CDC = {"host": _INSIDE, "user": "weir", "password": "DB_PASSWORD", "database": "shop"}
_BUCKET = {"bucket": "shop", "endpoint": f"http://{_INSIDE}:9000"}
_AWS = {"region": "eu-central-1", "endpoint": f"http://{_INSIDE}"}
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"

LEADING_INSIDE: dict[str, dict[str, Any]] = {
    "azure": {"account": "shop", "container": "shop", "endpoint": f"http://{_INSIDE}:10000"},
    "azure_event_hubs": {"namespace": _INSIDE, "connection_string": "HUBS"},
    "db2_cdc": _CDC,
    "dynamodb": _AWS,
    "gcs": _BUCKET,
    "kafka": {"bootstrap": f"93.184.216.34:9092,{_INSIDE}:9092"},
    "kinesis": _AWS,
    "mariadb_cdc": _CDC,
    "modbus": _HOST,
    "mongodb": {"url": f"mongodb://93.184.216.34,{_INSIDE}/?tls=true", "database": "shop"},
    "mongodb_cdc": _CDC,
    "mqtt": _HOST,
    "mysql_cdc": _CDC,
    "nats": {"servers": f"nats://93.184.216.34:4222,nats://{_INSIDE}:4222"},
    "opcua": {"url": f"opc.tcp://{_INSIDE}:4840"},
    "oracle_cdc": _CDC,
    "postgresql_cdc": _CDC,
    "redis_streams": _HOST,
    "s3": _BUCKET,
    "sftp": {**_HOST, "user": "weir", "password": "SFTP", "host_key": _KEY},
    "sql": {"url": f"postgresql+psycopg://weir@{_INSIDE}:5432/shop"},
    "sqlserver_cdc": _CDC,
    "sqs": _AWS,
}
"""Type -> a configuration whose client resolves and connects by itself."""

AT_THE_CONNECTION = {
    "amqp", "azure_service_bus", "rabbitmq", "sap_event_mesh", "http_files",
}  # fmt: skip
"""Types that hand a judged address to their client; their own tests show it."""

NOWHERE = {"files", "sap_idoc"}
"""Types that connect to nothing, as those that receive webhooks."""


def test_every_type_says_where_it_connects_to_or_goes_over_http() -> None:
    types = connector_types().values()
    receiving = {one.name for one in types if one.kind is Kind.WEBHOOK}
    others = {one.name for one in types if not one.counts_requests}
    assert others == set(LEADING_INSIDE) | AT_THE_CONNECTION | NOWHERE | receiving


@pytest.mark.parametrize("name", sorted(LEADING_INSIDE))
def test_a_source_inside_is_refused_unless_its_network_is_allowed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for secret in ("DB_PASSWORD", "HUBS", "SFTP"):
        monkeypatch.setenv(secret, "Endpoint=sb://hubs/;SharedAccessKey=x")
    kind = connector_types()[name]
    config = kind.config.model_validate(LEADING_INSIDE[name])
    with pytest.raises(InternalAddressError, match=rf"{_INSIDE}.*internal.*\n?.*"):
        kind.reader(config, Context(Settings(source_networks=""), name))
    kind.reader(config, Context(Settings(source_networks="10.0.0.0/8"), name)).close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://weir@/shop?host=/var/run/postgresql",
        "postgresql+psycopg://weir@/shop",
        "postgresql+psycopg://weir@93.184.216.34/shop?hostaddr=127.0.0.1",
        "postgresql+psycopg://weir@/shop?host=93.184.216.34,127.0.0.1&port=5432,5432",
        "postgresql+psycopg://weir@[::1]/shop",
        "postgresql+psycopg://weir@/shop?host=::1",
        "postgresql+psycopg://weir@/shop?service=inside",
        "mysql+pymysql://weir@93.184.216.34/shop?unix_socket=/tmp/mysql.sock",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BSERVER%3Dtcp%3A127.0.0.1%2C1433",
        "postgresql+psycopg://weir@localhost/shop",
        "postgresql+psycopg://weir@169.254.169.254/shop",
    ],
)
def test_a_database_address_leads_inside_in_many_ways(url: str) -> None:
    kind = connector_types()["sql"]
    with pytest.raises(InternalAddressError):
        kind.reader(
            kind.config.model_validate({"url": url}), Context(Settings(source_networks=""), "shop")
        )


def test_a_file_of_sqlite_connects_to_nothing() -> None:
    kind = connector_types()["sql"]
    config = kind.config.model_validate({"url": "sqlite:////data/shop.db"})
    kind.reader(config, Context(Settings(source_networks=""), "shop")).close()


@pytest.mark.parametrize(
    "name",
    [
        "database.url", "mongodb.connection.string", "driver.socketFactory",
        "schema.history.internal.kafka.bootstrap.servers", "signal.kafka.bootstrap.servers",
    ],
)  # fmt: skip
def test_no_property_of_debezium_leads_elsewhere(name: str) -> None:
    with pytest.raises(ValueError, match="is set by Weir"):
        connector_types()["oracle_cdc"].config.model_validate(
            {**_CDC, "settings": {name: "jdbc:oracle:thin:@127.0.0.1"}}
        )


def test_a_type_of_another_package_is_looked_at_too() -> None:
    class Tides(BaseModel):
        def peers(self) -> list[tuple[str, int]]:
            return [("127.0.0.1", 1)]

    def opened(config: Any, context: Context) -> Any:
        raise AssertionError((config, context))

    known = connector_types()["sql"]
    kind = ConnectorType("tides", "Tides", known.kind, known.maturity, Tides, opened)
    with pytest.raises(InternalAddressError):
        kind.reader(Tides(), Context(Settings(source_networks=""), "tides"))


def test_loopback_is_one_place_in_both_families() -> None:
    require_permitted([("localhost", 1), ("::1", 1), ("", 1)], networks("127.0.0.0/8"))
    with pytest.raises(InternalAddressError):
        require_permitted([("::1", 1)], networks("10.0.0.0/8"))
    with pytest.raises(InternalAddressError):
        addresses("localhost", 1, ())


def test_a_name_that_nobody_knows_is_left_to_the_client() -> None:
    require_permitted([("no-such-name.invalid", 1), ("a" * 300, 1)], ())


@given(st.ip_addresses(), st.integers(1, 65_535))
def test_what_is_refused_alone_is_refused_beside_a_public_one(address: Any, port: int) -> None:
    shown = f"[{address}]" if address.version == 6 else str(address)
    peers = peers_of(f"93.184.216.34:1, scheme://{shown}:{port}", 9)
    assert peers == [("93.184.216.34", 1), (str(address), port)]
    if permitted(address, ()):
        require_permitted(peers, ())
    else:
        with pytest.raises(InternalAddressError):
            require_permitted(peers, ())


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(ConnectorError, match="'one:two' is no address"):
        peers_of("one:two", 9)
