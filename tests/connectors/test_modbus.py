"""The connector ``modbus`` against the simulated device that comes with the client's library."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from pymodbus.client import ModbusTcpClient

from platform_assets.connectors.kinds.modbus.config import Register
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import ConnectorError, SourceAwayError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.reading import read_until
from tests.connectors.scene import Scene, new_source
from tests.connectors.servers import Server, running
from tests.ports import free_port_base

PROVES = {"modbus": Maturity.EMULATOR}
EXACT = {"modbus": True}

FIELDS = {"register": "string", "value": "number", "status": "string", "good": "boolean"}

DEVICE = """
import sys
from pymodbus.server import StartTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
bits = SimData(0, count=4, values=True, datatype=DataType.BITS)
registers = [SimData(n, count=10, values=0, datatype=DataType.REGISTERS) for n in (0, 20)]
device = SimDevice(id=7, simdata=([bits], [bits], registers, registers))
StartTcpServer(device, address=("127.0.0.1", int(sys.argv[1])))
"""

REGISTERS = [
    {"name": "speed", "address": 0, "scale": 0.1},
    {"name": "level", "address": 2, "type": "float32"},
    {"name": "count", "address": 4, "type": "int32", "words": "little"},
    {"name": "valve", "address": 0, "table": "coil", "type": "bool"},
    {"name": "missing", "address": 999, "table": "input"},
]


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port_base()
    log = tmp_path_factory.mktemp("modbus") / "log"
    with running([sys.executable, "-c", DEVICE, str(port)], port, log) as server:
        yield server


@pytest.fixture
def scene(stack: Settings, device: Server, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack, tmp_path, "modbus", config={"host": "127.0.0.1", "port": device.port, "device": 7},
        options={"registers": REGISTERS, "every_milliseconds": 50},
        fields=FIELDS, identity=["_id"], occurred_at="at",
    ) as made:  # fmt: skip
        yield made


def test_registers_are_read_by_their_types_and_one_that_is_missing_hides_none(
    scene: Scene, device: Server
) -> None:
    client = ModbusTcpClient("127.0.0.1", port=device.port)
    client.connect()
    level = client.convert_to_registers(1.5, client.DATATYPE.FLOAT32)
    count = client.convert_to_registers(-70_000, client.DATATYPE.INT32, word_order="little")
    for address, values in ((0, [1234]), (2, level), (4, count)):
        assert not client.write_registers(address, values, device_id=7).isError()
    client.close()
    outcome = read_until(scene, 10)
    assert (outcome.error, outcome.dead_letters) == (None, 0)
    rows = {row["register"]: row for row in scene.rows()[:5]}
    assert rows["speed"]["value"] == pytest.approx(123.4)
    assert (rows["level"]["value"], rows["count"]["value"]) == (1.5, -70_000)
    assert (rows["valve"]["value"], rows["valve"]["status"]) == (1.0, "good")
    assert (rows["missing"]["value"], rows["missing"]["good"]) == (None, False)
    assert rows["missing"]["status"] == "exception 2"
    ids = [event["event_id"] for event in scene.events()]
    assert len(ids) == len(set(ids)) == outcome.records


def test_a_device_that_is_away_comes_back(scene: Scene, device: Server) -> None:
    reader = open_reader(scene.settings, scene.source)
    assert "device 7" in reader.check()
    assert [one.name for one in reader.discover()] == ["rows"]
    pages = iter(reader.read("rows", None))
    assert next(pages).rows.num_rows == 5
    device.stop()
    with pytest.raises(SourceAwayError, match="does not answer"):
        next(pages)
    device.start()
    assert next(iter(reader.read("rows", None))).rows.num_rows == 5
    reader.close()


def test_a_device_that_lacks_the_first_register_is_said(
    stack: Settings, device: Server, tmp_path: Path
) -> None:
    with new_source(
        stack, tmp_path, "modbus", config={"host": "127.0.0.1", "port": device.port, "device": 7},
        options={"registers": REGISTERS[::-1]}, fields=FIELDS, identity=["_id"],
    ) as made, pytest.raises(ConnectorError, match="exception 2"):  # fmt: skip
        open_reader(stack, made.source).check()


def test_a_coil_is_no_number() -> None:
    with pytest.raises(ValidationError, match="coils and discrete inputs"):
        Register(name="valve", table="coil", address=0)
