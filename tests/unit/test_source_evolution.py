"""New and missing columns, values of another type: each policy does what it says."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.seam.columns import ColumnarMapping, Mapped
from platform_assets.connectors.seam.definition import StreamFields
from platform_assets.connectors.seam.evolution import Evolution
from platform_assets.connectors.seam.reader import ConnectorError, Page
from platform_assets.connectors.seam.rules import Rule
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contract
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from tests.connectors.scene import contract as written

TOPIC = TopicName("test", "orders")


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    path = tmp_path_factory.mktemp("contract") / f"{TOPIC}.yaml"
    fields = {"id": "integer", "city": "string", "extra": "string"}
    path.write_text(yaml.safe_dump(written(TOPIC, fields)))
    return load_contract(path)


def mapped(contract: Contract, rows: dict[str, Any], **policy: Any) -> Mapped:
    evolution = Evolution(**policy)
    mapping = ColumnarMapping(
        contract,
        Encoder(contract, 1, "shop"),
        "shop",
        columns={"id": Rule(column="id"), "city": Rule(column="city")},
        identity=[Rule(column="id")],
        occurred_at=None,
        op=Rule(constant="c"),
        evolution=evolution,
    )
    return mapping.map(Page(pa.table(rows), {}))


def after(contract: Contract, found: Mapped) -> list[dict[str, Any]]:
    schema = fastavro.parse_schema(value_schema(contract))
    return [
        fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, schema)["after"]
        for value in found.values
    ]


NEW = {"id": [1, 2], "city": ["Ulm", "Bonn"], "note": ["hi", None], "_file": ["a", "a"]}


def test_by_default_a_new_column_is_left_out_and_said(contract: Contract) -> None:
    found = mapped(contract, NEW)
    assert found.changes == ("column note is not mapped: left out",)
    assert [row["extra"] for row in after(contract, found)] == [None, None]
    assert mapped(contract, NEW, known=["note"]).changes == ()


def test_a_new_column_is_kept_as_json(contract: Contract) -> None:
    found = mapped(contract, {**NEW, "price": [None, 2.5]}, columns="evolve")
    assert [row["extra"] for row in after(contract, found)] == ['{"note": "hi"}', '{"price": 2.5}']
    assert found.changes == (
        "column note is new: kept in extra", "column price is new: kept in extra",
    )  # fmt: skip
    (row,) = after(contract, mapped(contract, {"id": [1], "city": ["Ulm"]}, columns="evolve"))
    assert row["extra"] is None


@given(
    values=st.lists(
        st.dictionaries(st.sampled_from(["a", "b"]), st.integers() | st.text(), max_size=2)
        | st.none(),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_what_is_kept_is_what_was_there(contract: Contract, values: list[Any]) -> None:
    texts = [None if one is None else json.dumps(one) for one in values]
    rows = {
        "id": list(range(len(texts))),
        "city": ["Ulm"] * len(texts),
        "new": pa.array(texts, pa.string()),
    }
    found = after(contract, mapped(contract, rows, columns="evolve"))
    kept = [json.loads(row["extra"])["new"] if row["extra"] else None for row in found]
    assert kept == texts


def test_rows_with_a_new_column_are_dead_letters(contract: Contract) -> None:
    found = mapped(contract, NEW, columns="discard_row")
    assert len(found.values) == 1
    assert found.refused == {0: "column 'note' is new, and `evolution` discards its rows"}


def test_a_new_column_ends_the_read(contract: Contract) -> None:
    with pytest.raises(ConnectorError, match="column 'note' is new") as caught:
        mapped(contract, NEW, columns="freeze")
    assert "evolution.known" in caught.value.hint
    mapped(contract, NEW, columns="freeze", known=["note"])


def test_a_missing_column_ends_the_read_or_is_null(contract: Contract) -> None:
    with pytest.raises(ConnectorError, match="no column 'city'"):
        mapped(contract, {"id": [1]})
    found = mapped(contract, {"id": [1]}, missing="evolve")
    assert after(contract, found)[0]["city"] is None
    assert found.changes == ("column city is missing: null",)


def test_a_value_of_another_type(contract: Contract) -> None:
    rows = {"id": ["1", "two"], "city": ["Ulm", "Bonn"]}
    found = mapped(contract, rows)
    assert list(found.refused) == [1]
    assert "id" in found.refused[1]
    found = mapped(contract, rows, data_type="discard_value")
    assert [row["id"] for row in after(contract, found)] == [1, None]
    assert found.changes == ("column id has values of another type: null",)
    with pytest.raises(ConnectorError, match=r"row 2 of a page.*freezes the types"):
        mapped(contract, rows, data_type="freeze")


def test_columns_of_an_expression_are_not_new(contract: Contract) -> None:
    mapping = ColumnarMapping(
        contract,
        Encoder(contract, 1, "shop"),
        "shop",
        columns={"id": Rule(expression="low + high")},
        identity=[Rule(column="key.id")],
        occurred_at=None,
        op=Rule(constant="c"),
        evolution=Evolution(columns="freeze"),
    )
    table = pa.table({"low": [1], "high": [2], "key": [{"id": 7}]})
    assert not mapping.map(Page(table, {})).refused


def test_what_cannot_be_kept_is_refused_before_the_read(contract: Contract) -> None:
    evolve = Evolution(columns="evolve")
    evolve.require_extra(contract, ["id"], "here")
    with pytest.raises(ConnectorError, match="is mapped, too"):
        evolve.require_extra(contract, ["id", "extra"], "here")
    for name in ("nothing", "id"):
        with pytest.raises(ConnectorError, match=f"needs the column '{name}'"):
            Evolution(columns="evolve", extra=name).require_extra(contract, [], "here")
    with pytest.raises(ValidationError, match="under a `mapping`"):
        StreamFields(stream="rows", topic="test.orders", mapping="a.jsonata", evolution=Evolution())
