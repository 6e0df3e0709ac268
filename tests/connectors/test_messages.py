"""Messages to rows: what no one service decides."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.connectors.messages.decode import PayloadError, decoder
from platform_assets.connectors.messages.live import batches
from platform_assets.connectors.messages.model import Message, MessageStream, Paged
from platform_assets.connectors.messages.rows import as_text, page_of, table_of

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES)


@given(st.lists(OBJECTS, max_size=5))
def test_any_json_becomes_a_table_that_polars_takes(objects: list[dict[str, Any]]) -> None:
    table = table_of(objects)
    frame = pl.DataFrame(table)
    assert set(frame.columns) == {name for one in objects for name in one}
    for number, one in enumerate(objects):
        for name, value in one.items():
            read = frame[name][number]
            assert (read is None) == (value is None)
            if isinstance(read, str):
                assert read == as_text(value)
            elif isinstance(value, (bool, int, float)):
                assert read == value


@given(OBJECTS)
def test_a_json_object_is_read_as_it_is(one: dict[str, Any]) -> None:
    assert decoder("json")(json.dumps(one).encode()) == one


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        decoder("json")(body)


def test_a_page_keeps_its_columns_apart_from_the_messages_own() -> None:
    messages = [
        Message(b'{"_id": "theirs", "n": 1}', "m1", "queue, message m1", {"_at": None}),
        Message(b"broken", "m2", "queue, message m2"),
        Message(b'{"n": 2.5}', "m3", "queue, message m3"),
    ]
    page = page_of(messages, decoder("json"))
    assert page.rows.to_pylist() == [
        {"body_id": "theirs", "n": 1.0, "_id": "m1", "_at": None},
        {"body_id": None, "n": 2.5, "_id": "m3", "_at": None},
    ]
    assert page.places == ("queue, message m1", "queue, message m3")
    assert [(one.place, one.raw) for one in page.refused] == [("queue, message m2", b"broken")]


def test_a_batch_is_bounded_in_number_and_in_time() -> None:
    stop = threading.Event()
    waiting = list(range(25))

    def take(count: int, seconds: float) -> list[int]:
        if not waiting:
            time.sleep(min(seconds, 0.01))
            stop.set()
        return [waiting.pop(0) for _ in range(min(count, 4, len(waiting)))]

    found = list(batches(take, Paged(page_messages=10, page_milliseconds=50), stop))
    assert [len(one) for one in found] == [10, 10, 5]


def test_options_describe_themselves() -> None:
    fields = MessageStream.model_json_schema()["properties"]
    assert all(one["description"] for one in fields.values())
