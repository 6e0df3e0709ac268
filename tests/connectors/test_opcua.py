"""The connector ``opcua`` against the server that comes with the client's library."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.sync import Server

from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import SourceAwayError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.reading import read_until
from tests.connectors.scene import Scene, new_source
from tests.ports import free_port_base

PROVES = {"opcua": Maturity.EMULATOR}
EXACT = {"opcua": True}

FIELDS = {"node": "string", "value": "number", "status": "string", "good": "boolean"}


class Plant:
    """A boiler with a temperature and a pressure."""

    def __init__(self) -> None:
        self.url = f"opc.tcp://127.0.0.1:{free_port_base()}/plant"
        self.start()

    def start(self) -> None:
        logging.getLogger("asyncua").setLevel(logging.ERROR)
        self._server = Server()
        self._server.set_endpoint(self.url)
        space = self._server.register_namespace("urn:plant")
        boiler = self._server.nodes.objects.add_object(space, "Boiler")
        self.temperature = boiler.add_variable(ua.NodeId("T", space), "Temperature", 20.0)
        self.pressure = boiler.add_variable(ua.NodeId("P", space), "Pressure", 1.5)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def plant() -> Iterator[Plant]:
    made = Plant()
    yield made
    made.stop()


@pytest.fixture
def scene(stack: Settings, plant: Plant, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack, tmp_path, "opcua", config={"url": plant.url, "timeout_seconds": 3},
        options={"nodes": ["ns=2;s=T", "ns=2;s=P"], "every_milliseconds": 50},
        fields=FIELDS, identity=["_id"], occurred_at="at",
    ) as made:  # fmt: skip
        yield made


def test_each_new_value_is_a_row_with_its_time_and_status(scene: Scene, plant: Plant) -> None:
    assert read_until(scene, 2).error is None
    assert [(row["node"], row["value"], row["good"]) for row in scene.rows()] == [
        ("ns=2;s=T", 20.0, True),
        ("ns=2;s=P", 1.5, True),
    ]
    # What is as it was is not read again, not even by another run.
    assert read_until(scene, 1, seconds=2).records == 0
    plant.temperature.write_value(21.5)
    assert read_until(scene, 1).records == 1
    bad = ua.DataValue(ua.Variant(2.5, ua.VariantType.Double), ua.StatusCode(0x808B0000))
    plant.pressure.write_value(bad)
    assert read_until(scene, 1).records == 1
    latest: list[dict[str, Any]] = scene.rows()[-2:]
    assert (latest[0]["value"], latest[0]["status"]) == (21.5, "Good")
    assert (latest[1]["good"], latest[1]["status"]) == (False, "BadDeviceFailure")
    assert all(event["occurred_at"] for event in scene.events())


def test_check_discover_a_node_that_is_not_there_and_a_server_that_restarts(
    scene: Scene, plant: Plant, stack: Settings, tmp_path: Path
) -> None:
    reader = open_reader(stack, scene.source)
    assert "namespaces" in reader.check()
    assert [one.name for one in reader.discover()] == ["ns=2;s=T", "ns=2;s=P"]
    plant.stop()
    with pytest.raises(SourceAwayError, match="does not answer"):
        next(iter(reader.read("rows", None)))
    plant.start()
    assert next(iter(reader.read("rows", None))).rows.num_rows == 2
    reader.close()
    with new_source(
        stack, tmp_path / "other", "opcua", config={"url": plant.url},
        options={"nodes": ["ns=2;s=Nothing"]}, fields=FIELDS, identity=["_id"],
    ) as made:  # fmt: skip
        assert "no node ns=2;s=Nothing" in str(read_until(made, 1).error)
