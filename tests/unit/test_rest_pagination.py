"""How pages lead to the next: every option of every kind does something, or is refused."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from platform_assets.connectors.kinds.rest.pagination import Got, Pagination

ADAPTER: TypeAdapter[Any] = TypeAdapter(Pagination)
KINDS: dict[str, type[BaseModel]] = {
    one.model_fields["kind"].annotation.__args__[0]: one
    for one in get_args(get_args(Pagination)[0])
}
GOT = Got(
    body={
        "next": "https://example.com/2",
        "other": "https://example.com/3",
        "next_cursor": "a",
        "token": "b",
        "more": False,
        "last": True,
        "total": 1,
    },
    headers={
        "link": '<https://example.com/2>; rel="next", <https://example.com/9>; rel="last"',
        "x-next": "c",
    },
    records=[{"id": 7}],
)
PLACE = {"page": 3, "offset": 20, "cursor": "z", "url": "https://example.com/1"}
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "size": ({"size": 1, "size_param": "n"}, {"size": 2, "size_param": "n"}),
    "size_param": ({"size": 1, "size_param": "n"}, {"size": 1, "size_param": "m"}),
    "more": ({}, {"more": "more"}),
    "end": ({}, {"end": "last"}),
    "total": ({}, {"total": "total"}),
    "param": ({}, {"param": "other"}),
    "first": ({}, {"first": 5}),
    "record": ({}, {"record": "id"}),
    "header": ({}, {"header": "X-Next"}),
    "rel": ({}, {"rel": "last"}),
    "cursor.path": ({}, {"path": "token"}),
    "link.path": ({}, {"path": "other"}),
}
"""Option, or kind and option -> two settings that must differ in what they do."""


def what_it_does(kind: str, options: dict[str, Any]) -> tuple[Any, ...]:
    made = ADAPTER.validate_python({"kind": kind, **options})
    return made.asked(None), made.asked(PLACE), made.following(GOT, None)


@pytest.mark.parametrize(
    ("kind", "option"),
    [(kind, name) for kind, model in KINDS.items() for name in model.model_fields],
)
def test_each_option_that_is_taken_does_something(kind: str, option: str) -> None:
    if option == "kind":
        assert ADAPTER.validate_python({"kind": kind}).kind == kind
        return
    one, other = CHANGES.get(f"{kind}.{option}") or CHANGES[option]
    assert what_it_does(kind, one) != what_it_does(kind, other)


def test_a_flag_ends_pages_by_header() -> None:
    assert what_it_does("header", {})[2] == {"url": "https://example.com/2"}
    for flag in ({"more": "more"}, {"end": "last"}):
        assert what_it_does("header", flag)[2] is None
    assert what_it_does("header", {"more": "last"})[2] is not None


@pytest.mark.parametrize(
    ("kind", "options", "rule"),
    [
        ("page", {"more": "more", "end": "last"}, "either `more` or `end`"),
        ("page", {"size_param": "n"}, "`size` beside `size_param`"),
        ("link", {"size": 10}, "`size_param` beside `size`"),
        ("header", {"size": 10}, "`size_param` beside `size`"),
        ("header", {"total": "total"}, "Extra inputs"),
        ("link", {"total": "total"}, "Extra inputs"),
        ("cursor", {"total": "total"}, "Extra inputs"),
        ("cursor", {"size": 10}, "`size_param` beside `size`"),
        ("cursor", {"path": "a", "record": "id"}, "one of `path`, `record` and `header`"),
        ("page", {"total": "total", "size": 10}, "`size_param` beside `size`"),
        ("page", {"more": "more", "size": 10}, "`size_param` beside `size`"),
        ("none", {"size": 10}, "Extra inputs"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    kind: str, options: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ValidationError, match=rule):
        ADAPTER.validate_python({"kind": kind, **options})


def test_the_size_of_a_page_without_a_parameter_tells_the_last_one() -> None:
    for kind in ("page", "offset"):
        assert what_it_does(kind, {"size": 2})[2] is None
        assert what_it_does(kind, {"size": 1})[2] is not None
