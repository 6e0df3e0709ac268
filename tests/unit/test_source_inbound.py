"""Personal values are hashed or masked before they reach the log, by every mapping alike."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.inbound import SALT
from platform_assets.connectors.seam.columns import ColumnarMapping, Mapped, RowMapping
from platform_assets.connectors.seam.definition import StreamFields
from platform_assets.connectors.seam.personal import (
    PROTECTED_HEADER,
    WITHHELD_HEADER,
    PersonalValues,
    as_protected,
)
from platform_assets.connectors.seam.reader import Page, Refused
from platform_assets.connectors.seam.refused import refused_rows
from platform_assets.connectors.seam.rules import Rule
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import ContractError, load_contract
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.secrets import SecretError
from tests.connectors.scene import contract

FIELDS = {"id": "integer", "email": "string", "name": "string", "city": "string"}
MAPPING = '{"identity": [id], "after": {"id": id, "email": email, "name": name, "city": city}}'


def document(tmp_path: Path, **inbound: str) -> Path:
    made = contract(TopicName("test", "people"), FIELDS)
    for prop in made["schema"][0]["properties"]:
        if how := inbound.get(prop["name"]):
            prop["classification"] = "pii"
            prop["customProperties"] = [{"property": "inbound", "value": how}]
    path = tmp_path / "test.people.yaml"
    path.write_text(yaml.safe_dump(made))
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "m.jsonata").write_text(MAPPING)
    return load_contract(document(folder, email="hash", name="mask"))


@pytest.fixture(scope="module")
def salted() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SALT, "pepper")
        yield


def both(people: Contract, rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The ``after`` images that each mapping makes."""
    encoder = Encoder(people, 1, "crm")
    columnar = ColumnarMapping(
        people, encoder, "crm", columns={name: Rule(column=name) for name in FIELDS},
        identity=[Rule(column="id")], occurred_at=None, op=Rule(constant="c"),
    )  # fmt: skip
    by_row = RowMapping(people, encoder, "crm", Path(people.path).parent / "m.jsonata")
    page = Page(pa.Table.from_pylist(rows), None)
    schema = fastavro.parse_schema(value_schema(people))
    return [
        [
            fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, schema)["after"]
            for _, value in mapping.map(page).records
        ]
        for mapping in (columnar, by_row)
    ]


text = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=2)


@given(emails=st.lists(text, min_size=1, max_size=5), name=text)
def test_both_mappings_keep_nothing_of_it(people: Contract, emails: list[str], name: str) -> None:
    rows = [
        {"id": n, "email": one, "name": name, "city": "Ulm"} for n, one in enumerate(emails * 2)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SALT, "pepper")
        columnar, by_row = both(people, rows)
    assert columnar == by_row
    assert {one["city"] for one in columnar} == {"Ulm"}
    assert {one["name"] for one in columnar} == {f"{name[0]}***"}
    digests = [one["email"] for one in columnar]
    assert digests[: len(emails)] == digests[len(emails) :]
    assert len(set(digests)) == len(set(emails))
    assert all(len(one) == 64 and one not in emails for one in digests)


def test_the_salt_is_needed_and_counts(people: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": 1, "email": "a@b.c", "name": None, "city": "Ulm"}]
    monkeypatch.setenv(SALT, "one")
    (first,), _ = both(people, rows)
    monkeypatch.setenv(SALT, "two")
    (second,), _ = both(people, rows)
    assert first["email"] != second["email"]
    assert first["name"] is None
    monkeypatch.delenv(SALT)
    with pytest.raises(SecretError, match=SALT):
        both(people, rows)


@pytest.mark.parametrize(
    ("inbound", "reason"),
    [
        ({"email": "rot13"}, "expected hash or mask, got 'rot13'"),
        ({"id": "hash"}, "only a text of the payload"),
        ({"event_id": "hash"}, "only a text of the payload"),
    ],
)
def test_what_cannot_be_protected_is_refused(
    tmp_path: Path, inbound: dict[str, str], reason: str
) -> None:
    with pytest.raises(ContractError, match=reason):
        load_contract(document(tmp_path, **inbound))


def test_only_personal_columns_are_protected(tmp_path: Path) -> None:
    path = document(tmp_path, email="hash")
    path.write_text(path.read_text().replace("classification: pii", "classification: public"))
    with pytest.raises(ContractError, match="add `classification: pii`"):
        load_contract(path)


WORDS = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=9, max_size=12)
REFUSED_ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.just("no number"), "email": WORDS, "name": WORDS, "city": st.just("Ulm")}
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def stream_of(**entries: Any) -> StreamFields:
    columns = {name: name for name in FIELDS}
    given = {"stream": "rows", "topic": "test.people", "columns": columns, "identity": ["city"]}
    return StreamFields.model_validate({**given, **entries})


def mapping_of(contract: Contract, stream: StreamFields) -> ColumnarMapping:
    return ColumnarMapping(
        contract, Encoder(contract, 1, "crm"), "crm",
        columns={name: Rule.of(rule) for name, rule in stream.columns.items()},
        identity=[Rule.of(rule) for rule in stream.identity], occurred_at=None,
        op=Rule(constant="c"),
    )  # fmt: skip


@pytest.mark.usefixtures("salted")
@given(rows=REFUSED_ROWS)
def test_dead_letters_hold_no_personal_value_and_are_replayed_as_they_would_have_been(
    people: Contract, rows: list[dict[str, str]]
) -> None:
    stream = stream_of()
    page = Page(pa.Table.from_pylist(rows), None)
    mapped = mapping_of(people, stream).map(page)
    assert len(mapped.refused) == len(rows)
    letters = refused_rows(page, mapped.refused, PersonalValues(stream, people))
    for row, letter in zip(rows, letters, strict=True):
        assert PROTECTED_HEADER in letter.headers
        for text in (letter.raw.decode(), letter.reason):
            assert row["email"] not in text
            assert row["name"] not in text
        # Mended, it becomes what the row itself would have become.
        kept = {**json.loads(letter.raw), "id": 7}
        direct = mapping_of(people, stream).map(
            Page(pa.Table.from_pylist([{**row, "id": 7}]), None)
        )
        again = mapping_of(as_protected(people), stream).map(
            Page(pa.Table.from_pylist([kept]), None)
        )
        assert said(people, again) == said(people, direct)


def said(contract: Contract, mapped: Mapped) -> dict[str, Any]:
    schema = fastavro.parse_schema(value_schema(contract))
    (value,) = mapped.values
    found: dict[str, Any] = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, schema)
    return {name: one for name, one in found.items() if name != "ingested_at"}


@pytest.mark.usefixtures("salted")
@pytest.mark.parametrize(
    "entries",
    [
        {"identity": ["email"]},
        {"columns": {**{name: name for name in FIELDS}, "city": "email"}},
        {"columns": {**{name: name for name in FIELDS},
                     "email": {"expression": "email || name"}}},
        {"columns": {}, "identity": [], "mapping": "m.jsonata"},
    ],
    ids=["identity", "another column", "expression", "jsonata"],
)  # fmt: skip
def test_what_cannot_be_sent_again_says_so(people: Contract, entries: dict[str, Any]) -> None:
    personal = PersonalValues(stream_of(**entries), people)
    assert personal.headers == {WITHHELD_HEADER: "personal values"}
    kept = personal.row({"id": "x", "email": "anna@example.com", "name": "Anna", "city": None})
    assert "anna@example.com" not in str(kept)
    assert kept["city"] is None


def test_a_record_that_is_no_row_is_not_kept_beside_personal_columns(people: Contract) -> None:
    page = Page(pa.table({}), None, refused=(Refused("line 3", b"anna@example.com;x", "torn"),))
    (letter,) = refused_rows(page, {}, PersonalValues(stream_of(), people))
    assert (letter.raw, letter.headers) == (b"", {WITHHELD_HEADER: "all of it"})


def test_without_personal_columns_letters_hold_what_stood_there(tmp_path: Path) -> None:
    plain = load_contract(document(tmp_path))
    page = Page(pa.table({"id": ["x"], "email": ["anna@example.com"]}), None,
                refused=(Refused("line 3", b"raw", "torn"),))  # fmt: skip
    row, record = refused_rows(page, {0: "no"}, PersonalValues(stream_of(), plain))
    assert b"anna@example.com" in row.raw
    assert not {PROTECTED_HEADER, WITHHELD_HEADER} & row.headers.keys()
    assert record.raw == b"raw"
