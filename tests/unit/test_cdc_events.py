"""Changes as a page's tables: typed alike before and after, null where there is no image."""

from __future__ import annotations

from typing import Any

from platform_assets.connectors.kinds.cdc.events import Event, tables


def _event(offset: int, before: Any, after: Any) -> Event:
    return Event(
        offset=offset, run="r", op="u", position=f"p{offset}", committed_at=1_000_000,
        transaction=None, order=None, before=before, after=after,
    )  # fmt: skip


def test_both_images_have_the_types_that_hold_the_values_of_both() -> None:
    after, before = tables(
        [
            _event(1, None, {"id": 1, "x": 1, "wide": 2**53 + 1, "tags": ["a"], "t": "x"}),
            _event(2, {"id": 1, "x": 1.5, "wide": 0.5, "gone": 1}, None),
        ]
    )
    own = ["_position", "_committed_at", "_transaction", "_order", "_offset", "_missing"]
    assert after.schema == before.schema
    assert after.column_names == [*own, "id", "x", "wide", "tags", "t"]
    first, second = after.to_pylist()
    assert (first["_position"], first["_offset"], first["x"]) == ("p1", 1, 1.0)
    assert (first["tags"], first["t"]) == ('["a"]', "x")
    # A float would hold another number.
    assert first["wide"] == "9007199254740993"
    assert set(second.values()) == {None}
    assert set(before.to_pylist()[0].values()) == {None}
    assert before.to_pylist()[1]["x"] == 1.5
