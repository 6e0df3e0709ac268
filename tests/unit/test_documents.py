"""JSON objects as rows: nothing of them is lost."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.connectors.seam.documents import WIDEST, document_table, narrow

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=4,
)


def _back(value: Any, original: Any) -> Any:
    """What a cell says, where the original was no text."""
    if isinstance(value, str) and not isinstance(original, str):
        return orjson.loads(value)
    return value


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=5))
def test_each_value_can_be_had_back(documents: list[dict[str, Any]]) -> None:
    table = document_table(documents, {"_n": list(range(len(documents)))})
    assert table.num_rows == len(documents)
    for row, document in zip(table.to_pylist(), documents, strict=True):
        for name in set(row) - {"_n"}:
            original = document.get(name)
            assert _back(row[name], original) == original, json.dumps(document)


def test_uniform_scalars_keep_their_type_and_others_are_text() -> None:
    table = document_table(
        [{"n": 1, "x": 1.5, "b": True, "m": 1, "o": {"a": [1]}, "_own": 1}, {"x": 2, "m": "two"}],
        {"_own": pa.array(["mine", "mine"])},
    )
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds == {
        "_own": "string", "n": "int64", "x": "double", "b": "bool", "m": "string", "o": "string",
    }  # fmt: skip
    assert table.to_pylist()[0]["o"] == '{"a":[1]}'
    assert table["m"].to_pylist() == ["1", "two"]
    assert table["_own"].to_pylist() == ["mine", "mine"]


@given(st.lists(st.tuples(st.integers(0, 3 * WIDEST), st.integers(0, WIDEST)), max_size=8))
def test_parts_hold_all_in_order_and_none_is_too_wide(spans: list[tuple[int, int]]) -> None:
    items = [[str(n) for n in range(first, first + count)] for first, count in spans]
    parts = list(narrow(items, lambda one: one))
    assert [one for part in parts for one in part] == items
    widths = [len({name for one in part for name in one}) for part in parts]
    assert all(width <= WIDEST for width in widths)
    # No part ends early: the next item would have made it too wide.
    for part, following in pairwise(parts):
        assert len({name for one in [*part, following[0]] for name in one}) > WIDEST
