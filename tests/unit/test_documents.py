"""JSON objects as rows: nothing of them is lost."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.connectors.seam.documents import document_table

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
