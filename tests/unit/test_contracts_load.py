"""Contracts: what is read, what is refused and with which words."""

from __future__ import annotations

import json
from pathlib import Path

import open_data_contract_standard
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.contracts.load import (
    ContractError,
    contract_files,
    load_contract,
    load_contracts,
)
from platform_assets.contracts.model import BadRow, Condition, LogicalType, TopicKind
from platform_assets.core.naming import TopicName

MINIMAL = """\
apiVersion: v3.2.0
kind: DataContract
id: weir:shop.orders
version: 1.0.0
description: {purpose: Orders of the shop.}
team: {name: shop@weir.example}
schema:
- name: orders
  properties:
  - {name: order_no, logicalType: string, required: true}
  - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0}}
  - name: state
    logicalType: string
    enum: [{value: open}, {value: paid}]
  - {name: timestamp, logicalType: timestamp}
"""


def written(tmp_path: Path, text: str, name: str = "shop.orders.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_every_contract_keeps_the_standard() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    package = Path(open_data_contract_standard.__file__).parent
    schema = json.loads((package / "schema.json").read_text())
    files = contract_files()
    assert len(files) == len(load_contracts()) >= 7
    for file in files:
        jsonschema.validate(yaml.safe_load(file.read_text()), schema)


def test_clickstream_says_what_the_design_says() -> None:
    contract = load_contracts()[TopicName("commerce", "clickstream")]
    assert [column.name for column in contract.columns] == [
        "event_id", "user_id", "product_id", "event_type", "price", "timestamp",
    ]  # fmt: skip
    assert [column.source for column in contract.columns][::5] == ["event_id", "occurred_at"]
    rules = {rule.name: rule for rule in contract.rules}
    assert rules["purchase_price_positive"].exclusive_minimum
    assert rules["purchase_price_positive"].when == Condition("event_type", "purchase")
    assert (rules["user_id_range"].minimum, rules["user_id_range"].maximum) == (1, 10_000)
    assert rules["event_time_in_future"].maximum == 3600


def test_pii_is_marked() -> None:
    contracts = load_contracts()
    pii = {
        str(topic): {column.name for column in contract.columns if column.pii}
        for topic, contract in contracts.items()
    }
    assert pii["commerce.customers"] == {"name", "email"}
    assert pii["feedback.support_tickets"] == {"email", "body"}
    assert pii["feedback.reviews"] == set()


def test_minimal_contract_has_defaults(tmp_path: Path) -> None:
    contract = load_contract(written(tmp_path, MINIMAL))
    assert contract.kind is TopicKind.APPEND
    assert contract.key == ("event_id",)
    assert contract.columns[0].name == "event_id"
    assert contract.event_time == "timestamp"
    assert contract.bad_row is BadRow.QUARANTINE
    assert [rule.name for rule in contract.rules] == [
        "order_no_not_null", "amount_range", "state_one_of", "event_time_in_future",
    ]  # fmt: skip


def test_policies_are_read(tmp_path: Path) -> None:
    text = MINIMAL + (
        "customProperties:\n"
        "- {property: badRows, value: fail}\n"
        "- {property: quarantineThreshold, value: 0.1}\n"
        "- {property: windowSeconds, value: 900}\n"
        "- {property: maintenance, value: {bronzeDays: 30, vacuumHours: 24}}\n"
        "slaProperties:\n"
        "- {property: retention, value: 2, unit: d}\n"
        "- {property: lateness, value: 10, unit: m}\n"
    )
    contract = load_contract(written(tmp_path, text))
    assert contract.bad_row is BadRow.FAIL
    assert contract.quarantine_threshold == 0.1
    assert contract.window_seconds == 900
    assert contract.maintenance.bronze_days == 30
    assert contract.topic_policy.retention_hours == 48
    assert contract.lateness_seconds == 600


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("logicalType: number", "logicalType: money", 11, "unknown logicalType 'money'"),
        ("minimum: 0", "minimum: none", 11, "expected a number"),
        ("minimum: 0", "minimumm: 0", 11, "'minimumm'"),
        ("required: true", "requird: true", 10, "did you mean 'required'"),
        ("- name: orders", "- name: order", 8, "expected 'orders'"),
        ("name: amount", "name: order_no", 11, "given twice"),
        ("name: amount", "name: op", 11, "reserved"),
        ("logicalType: timestamp", "logicalType: string", 9, "event time"),
        ("enum: [{value: open}, {value: paid}]", "enum: [{value: 1}]", 14, "type string"),
        ("schema:", "schema: [", 0, "not YAML"),
        ("{value: open}", "{value: open", 0, "not YAML"),
    ],
)
def test_errors_name_file_line_and_property(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    path = written(tmp_path, MINIMAL.replace(old, new))
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    if line:
        assert f"{path}:{line}" in message


@pytest.mark.parametrize(
    ("implementation", "words"),
    [
        ("{check: betwixt}", "unknown check 'betwixt'"),
        ("{check: between}", "minimum"),
        ("{check: between, minimum: 0, when: {colour: red}}", "no column 'colour'"),
        ("{check: between, minimum: 0, when: {state: 1}}", "1 is not a string"),
        ("{check: matches, pattern: 'a'}", "a pattern needs a string"),
        ("{check: not_null, minimum: 1}", "does not take 'minimum'"),
        ("betwixt", "expected a mapping"),
    ],
)
def test_custom_rules_are_checked(tmp_path: Path, implementation: str, words: str) -> None:
    text = MINIMAL.replace(
        "logicalTypeOptions: {minimum: 0}",
        f"quality: [{{name: r, type: custom, engine: weir, implementation: {implementation}}}]",
    )
    with pytest.raises(ContractError, match="contract") as caught:
        load_contract(written(tmp_path, text))
    assert words in str(caught.value)


def test_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no such file"):
        load_contract(tmp_path / "shop.orders.yaml")


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_contracts_give_contract_errors_only(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = MINIMAL.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    damage = data.draw(st.text(max_size=12) | st.sampled_from(["- x", "{a: 1}", "1", "null"]))
    lines[number] = data.draw(
        st.sampled_from([damage, lines[number] + damage, damage + lines[number]])
    )
    path = tmp_path_factory.mktemp("c") / "shop.orders.yaml"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    try:
        contract = load_contract(path)
    except ContractError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert all(isinstance(column.type, LogicalType) for column in contract.columns)
