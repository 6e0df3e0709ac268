"""What people begin a source with: entries of a type, drafts of its definition and contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from platform_assets import sources
from platform_assets.connectors.operate.begin import checked_model, drafted, write_source
from platform_assets.connectors.operate.draft import (
    column_names,
    draft_contract,
    draft_definition,
    draft_stream,
)
from platform_assets.connectors.operate.entries import entries
from platform_assets.connectors.seam.reader import ConnectorError, Stream
from platform_assets.connectors.seam.types import connector_types
from platform_assets.contracts.load import load_contract
from platform_assets.contracts.model import LogicalType
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

TOPIC = TopicName("shop", "orders")
ORDERS = Stream(
    "orders",
    pa.schema(
        [
            ("id", pa.int64()),
            ("Customer-Email", pa.string()),
            ("total", pa.decimal128(12, 2)),
            ("op", pa.string()),
            ("changed", pa.timestamp("us", "UTC")),
            ("paid", pa.bool_()),
        ]
    ),
    ("id",),
    ("changed", "id"),
)


class Token(BaseModel):
    """By token.

    Attributes:
        kind: which.
        token: name of the secret.
    """

    kind: Literal["token"] = "token"
    token: str


class Basic(BaseModel):
    kind: Literal["basic"] = "basic"
    user: str = Field(description="Who asks.")


class Config(BaseModel):
    """Where it is.

    Attributes:
        url: address,
            over two lines (see :class:`~x.Y`).
        auth: how to log in.
        tags, words: some.
    """

    url: str
    auth: Token | Basic | None = None
    tags: Sequence[str] = ("a",)
    words: list[int] = Field(default_factory=list)


def test_entries_say_type_default_and_meaning_also_of_what_is_nested() -> None:
    found = {one.name: one for one in entries(Config)}
    assert list(found) == [
        "url", "auth", "auth(token).kind", "auth(token).token", "auth(basic).kind",
        "auth(basic).user", "tags", "words",
    ]  # fmt: skip
    url = found["url"]
    assert (url.type, url.required) == ("text", True)
    assert url.description == "address, over two lines (see x.Y)."
    assert found["auth(token).token"].description == "name of the secret."
    assert found["auth(basic).user"].description == "Who asks."
    assert (found["tags"].type, found["tags"].default) == ("list of text", ["a"])
    assert (found["words"].type, found["words"].description) == ("list of whole number", "some.")


@pytest.mark.parametrize("name", sorted(connector_types()))
def test_each_type_says_what_its_entries_mean_and_drafts_a_definition(name: str) -> None:
    kind = connector_types()[name]
    own = [one for one in (*entries(kind.config), *entries(kind.stream)) if "." not in one.name]
    assert [one.name for one in own if not one.description] == []
    read = yaml.safe_load(draft_definition(kind, "mine", "team:data"))
    assert read["attributes"]["connector"] == name
    for key, model in (("config", kind.config), ("options", kind.stream)):
        where = read["attributes"] if key == "config" else read["attributes"]["streams"][0]
        needed = {f.alias or n for n, f in model.model_fields.items() if f.is_required()}
        assert needed <= set(where.get(key, {}))


def test_a_discovered_stream_becomes_a_contract_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "shop.orders.yaml"
    path.write_text(draft_contract(ORDERS, TOPIC, "team:shop"))
    contract = load_contract(path)
    assert {c.name: c.type for c in contract.payload_columns} == {
        "id": LogicalType.INTEGER,
        "customer_email": LogicalType.STRING,
        "total": LogicalType.NUMBER,
        "op_2": LogicalType.STRING,
        "paid": LogicalType.BOOLEAN,
    }
    assert contract.event_time == "changed"
    assert [c.name for c in contract.columns if c.pii] == ["customer_email"]
    draft = draft_stream(connector_types()["sql"], ORDERS, TOPIC, {"page_rows": 10})
    assert draft.options == {
        "table": "orders", "cursor": "changed", "key": ["id"], "page_rows": 10,
    }  # fmt: skip
    assert (draft.identity, draft.occurred_at) == (["id", "changed"], "changed")
    assert draft.columns["customer_email"] == "Customer-Email"


@given(st.lists(st.text(max_size=20), min_size=1, max_size=12, unique=True))
def test_any_field_gets_a_name_of_its_own_that_a_contract_takes(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    stream = Stream("rows", pa.schema([(name, pa.string()) for name in names]))
    made = column_names(stream)
    assert len(set(made.values())) == len(names)
    path = tmp_path_factory.mktemp("c") / "shop.rows.yaml"
    path.write_text(draft_contract(stream, TopicName("shop", "rows"), "team:shop"))
    assert {c.name for c in load_contract(path).payload_columns} == set(made.values())


def test_a_new_source_is_a_folder_and_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    kind = connector_types()["sql"]
    files = drafted(Settings(), kind, "shop", "team:shop", topic=TOPIC, config={"password": "X"})
    folder = write_source("shop", "team:shop", files)
    assert sorted(path.name for path in folder.iterdir()) == ["defs.yaml", "shop.orders.yaml"]
    assert "password: X" in (folder / "defs.yaml").read_text()
    load_contract(folder / "shop.orders.yaml")
    for name, reason in (
        ("shop", "is there already"), ("shop2", "shop.orders.yaml already"),
        ("Shop", "expected a-z"), ("simulator", "is there already"),
    ):  # fmt: skip
        with pytest.raises(ConnectorError, match=reason):
            write_source(name, "team:shop", files)
    with pytest.raises(ConnectorError, match="owner"):
        write_source("other", "me", {})
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_wrong_configuration_names_its_entry() -> None:
    with pytest.raises(ConnectorError, match=r"`config`, url: Field required"):
        checked_model(Config, {}, "connector x, `config`")
