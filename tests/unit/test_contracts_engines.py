"""Contracts: what an engine would refuse, or read otherwise, is refused with its line."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from platform_assets.contracts import patterns
from platform_assets.contracts.load import (
    CONTRACTS,
    ContractError,
    load_contract,
    load_contracts,
    read_contracts,
)
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName

HEAD = """\
apiVersion: v3.2.0
kind: DataContract
id: weir:shop.orders
version: 1.0.0
description: {purpose: Orders of the shop.}
team: {name: shop@weir.example}
schema:
- name: orders
  properties:
"""
TIME = "  - {name: timestamp, logicalType: timestamp}\n"
PORTABLE = (
    "[A-Z0-9]+", r"[AC]?[0-9]{6}", r"(?i:abc)", r"a|b", r"a{2,3}?", r"\d{4}-\d\d", r"[*+]+",
    r"[^,]*", r"\.\+\*", r"\x41\u0042", r"(?:ab)+", "", r"a+?", r"[\w.]+@[\w.]+",
)  # fmt: skip
FOREIGN = (
    r"(?!TEST)[A-Z0-9]+", r"(?=A).*", r"(?<=A)b", r"(?<!A)b", r"(a)\1", r"(?P<n>a)", r"a*+",
    r"a++", r"a{2}+", r"(?>a)", r"[[a]", r"[a&&b]", r"[a--b]", r"a\Z", r"a\z", r"(?i)abc",
    r"(?x)a # b", r"(?x:a b)", r"\w{1000}", r"a)|(b", r"\<a", r"\N{DIGIT ONE}", "(", "[", r"\p{L}",
    r"(?a:\w)", r"\b{start}", r"[[:alpha:]]",
)  # fmt: skip


def contract(folder: Path, *properties: str, more: str = "") -> Contract:
    path = folder / "shop.orders.yaml"
    path.write_text(HEAD + "".join(f"  - {{{one}}}\n" for one in properties) + TIME + more)
    return load_contract(path)


def text(options: str) -> str:
    return f"name: order_no, logicalType: string, {options}"


@pytest.mark.parametrize("pattern", PORTABLE)
def test_a_portable_pattern_is_taken_by_every_engine(tmp_path: Path, pattern: str) -> None:
    made = contract(tmp_path, text(f"logicalTypeOptions: {{pattern: '{pattern}'}}"))
    assert [rule.pattern for rule in made.rules if rule.check == "matches"] == [pattern]
    pl.Series(["a"]).str.contains(rf"\A(?:{pattern})\z")
    re.compile(rf"\A(?:{pattern})\Z")


@pytest.mark.parametrize("pattern", FOREIGN)
def test_a_pattern_that_one_engine_refuses_is_refused_with_its_line(
    tmp_path: Path, pattern: str
) -> None:
    with pytest.raises(ContractError, match=r"shop\.orders\.yaml:10 .*pattern"):
        contract(tmp_path, text(f"logicalTypeOptions: {{pattern: '{pattern}'}}"))


@pytest.mark.parametrize("pattern", [*PORTABLE, *FOREIGN])
def test_what_is_asked_at_load_answers_as_polars_does(pattern: str) -> None:
    """pydantic's engine stands for polars': both are Rust's, and must stay of one mind."""

    def taken(check: object) -> bool:
        try:
            check(rf"\A(?:{pattern})\z")  # type: ignore[operator]
        except (patterns.PatternError, pl.exceptions.PolarsError):
            return False
        return True

    assert taken(patterns._ask_rust) == taken(pl.Series(["a"]).str.contains)


def test_a_pattern_must_be_text(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="expected a pattern as text, got 5"):
        contract(tmp_path, text("logicalTypeOptions: {pattern: 5}"))
    rule = "{name: r, type: custom, engine: weir, implementation: {check: matches}}"
    with pytest.raises(ContractError, match="expected a pattern as text, got None"):
        contract(tmp_path, text(f"quality: [{rule}]"))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("integer", "true"), ("integer", "1.5"), ("integer", "9223372036854775808"),
        ("integer", "'1'"), ("number", "true"), ("number", ".nan"), ("number", ".inf"),
        ("number", "9007199254740993"), ("string", "1"), ("string", "yes"), ("boolean", "1"),
        ("date", "2026-01-01"), ("timestamp", "1"),
    ],
)  # fmt: skip
def test_an_enum_holds_values_of_its_column(tmp_path: Path, kind: str, values: str) -> None:
    with pytest.raises(ContractError, match=r"shop\.orders\.yaml:10 .*values of type"):
        contract(tmp_path, f"name: amount, logicalType: {kind}, enum: [{{value: {values}}}]")


def test_an_enum_of_numbers_is_one_column_for_polars(tmp_path: Path) -> None:
    made = contract(tmp_path, "name: amount, logicalType: number, enum: [{value: 1}, {value: 2.5}]")
    (rule,) = [rule for rule in made.rules if rule.check == "one_of"]
    assert pl.Series([1.0, 2.0]).is_in(list(rule.values)).to_list() == [True, False]


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("number", "minimum: 0, exclusiveMinimum: 1", "given beside `minimum`"),
        ("number", "minimum: .nan", "finite"),
        ("number", "maximum: .inf", "finite"),
        ("number", "maximum: -.inf", "finite"),
        ("number", "minimum: true", "expected a number"),
        ("number", "minimum: '1'", "expected a number"),
        ("number", "maximum: 1e15", "with a point and a sign"),
        ("number", "minimum: 2, maximum: 1", "above maximum"),
        ("number", "exclusiveMinimum: 1, maximum: 1", "lies between"),
        ("integer", "minimum: 0.2, maximum: 0.8", "lies between"),
        ("integer", "exclusiveMinimum: 1, maximum: 1.5", "lies between"),
        ("integer", "maximum: 9007199254740993", "64-bit float"),
        ("integer", f"maximum: 1{'0' * 400}", "64-bit float"),
        ("string", "minimum: 1", "needs a number"),
    ],
)
def test_bounds_are_finite_exact_and_leave_room(
    tmp_path: Path, kind: str, options: str, words: str
) -> None:
    with pytest.raises(ContractError, match=r"shop\.orders\.yaml:10 ") as caught:
        contract(tmp_path, f"name: amount, logicalType: {kind}, logicalTypeOptions: {{{options}}}")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("customProperties:\n- {property: partitions, value: .nan}\n", "partitions"),
        ("customProperties:\n- {property: partitions, value: .inf}\n", "partitions"),
        ("customProperties:\n- {property: partitions, value: 2.5}\n", "whole number"),
        ("customProperties:\n- {property: windowSeconds, value: 60.5}\n", "whole number"),
        ("customProperties:\n- {property: quarantineThreshold, value: .nan}\n", "Threshold"),
        (("customProperties:\n- {property: kind, value: append}\n"
         "- {property: kind, value: append}\n"), "given twice"),
        ("slaProperties:\n- {property: freshness, value: .nan, unit: d}\n", "freshness"),
        ("slaProperties:\n- {property: lateness, value: .inf, unit: d}\n", "lateness"),
        ("slaProperties:\n- {property: retention, value: -1, unit: d}\n", "retention"),
        ("slaProperties:\n- {property: retention, value: true, unit: d}\n", "retention"),
        ("slaProperties:\n- {property: retention, value: 1.0e+30, unit: d}\n", "retention"),
        (("slaProperties:\n- {property: retention, value: 1, unit: d}\n"
         "- {property: retention, value: 2, unit: d}\n"), "given twice"),
        ("team: {name: other@weir.example}\n", "'team' is given twice"),
    ],
)  # fmt: skip
def test_policies_are_numbers_that_can_be_kept(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(ContractError, match=r"shop\.orders\.yaml:\d+") as caught:
        contract(tmp_path, "name: amount, logicalType: number", more=more)
    assert words in str(caught.value)


def test_an_owner_that_dagster_would_refuse_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.orders.yaml"
    path.write_text(HEAD.replace("shop@weir.example", "the shop") + TIME)
    with pytest.raises(ContractError, match=r"shop\.orders\.yaml:6 at team\.name: expected an e-"):
        load_contract(path)


def test_a_bad_contract_stops_no_other_and_is_named_when_asked_for(tmp_path: Path) -> None:
    shipped = sorted(CONTRACTS.glob("*.yaml"))[:2]
    for path in shipped:
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "shop.orders.yaml").write_text("schema: [")
    (tmp_path / "shop.bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "nodot.yaml").write_text(HEAD + TIME)
    (tmp_path / "shop.folder.yaml").mkdir()
    found = read_contracts(tmp_path)
    assert list(map(str, found)) == [path.stem for path in shipped]
    assert sorted(file.name for file in found.broken) == [
        "nodot", "shop.bytes", "shop.folder", "shop.orders",
    ]  # fmt: skip
    with pytest.raises(ContractError, match=r"shop\.orders\.yaml:2: not YAML"):
        found[TopicName("shop", "orders")]
    with pytest.raises(KeyError):
        found[TopicName("shop", "nothing")]


def test_two_contracts_may_not_give_the_same_table(tmp_path: Path) -> None:
    customers = (CONTRACTS / "commerce.customers.yaml").read_text()
    (tmp_path / "commerce.customers.yaml").write_text(customers)
    (tmp_path / "commerce.customers_history.yaml").write_text(
        customers.replace("name: customers", "name: customers_history")
    )
    found = read_contracts(tmp_path)
    assert list(map(str, found)) == ["commerce.customers"]
    assert "silver.commerce.customers_history is that of commerce.customers" in str(
        found.broken[0].error
    )


def test_what_ships_is_whole() -> None:
    assert load_contracts().broken == ()
