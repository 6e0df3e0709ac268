"""Presets of the REST engine, against answers in the shape that each API documents."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwk, jwt

from platform_assets.connectors.kinds.rest.preset_type import PresetStream, rest_stream
from platform_assets.connectors.kinds.rest.presets import PRESETS
from platform_assets.connectors.seam.types import Maturity, connector_type
from tests.connectors.api_peer import Source
from tests.connectors.api_suite import check_preset
from tests.peer import Answer, Peer, Request

PROVES = dict.fromkeys(
    ("github", "stripe", "hubspot", "shopify", "zendesk", "jira", "netsuite"), Maturity.RECORDED
)


class Replay:
    """Plays answers in turn and keeps what was asked; ``{url}`` in a header is its own address."""

    def __init__(self, *answers: Answer) -> None:
        waiting = list(answers)
        self.peer = Peer(lambda _: waiting.pop(0))
        self.url = self.peer.url
        for one in answers:
            named = {name: text.replace("{url}", self.url) for name, text in one.headers.items()}
            one.headers = named

    def read(
        self, connector: str, config: dict[str, Any], options: dict[str, Any]
    ) -> tuple[Source, list[dict[str, Any]]]:
        source = Source(connector, {"base_url": self.url, **config}, options)
        with self.peer.serving():
            return source, source.rows()

    @property
    def asked(self) -> list[tuple[str, dict[str, str]]]:
        parts = [urlsplit(one.path) for one in self.peer.requests]
        return [(one.path, dict(parse_qsl(one.query))) for one in parts]

    @property
    def first(self) -> Request:
        return self.peer.requests[0]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SECRET", "s3cret")


SECRET = {"secret": "API_SECRET"}


def test_github() -> None:
    def issue(n: int) -> dict[str, Any]:
        return {
            "id": 3_000_000_000 + n, "number": n, "title": "It rains", "state": "open",
            "user": {"login": "octocat", "id": 1}, "labels": [], "assignee": None,
            "created_at": "2026-02-01T10:00:00Z", "updated_at": f"2026-02-0{n}T10:00:00Z",
        }  # fmt: skip

    link = '<{url}/repositories/1/issues?page=2>; rel="next", <{url}/x>; rel="last"'
    limits = {"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "1772000000"}
    replay = Replay(
        Answer(body=[issue(1)], headers={"Link": link, **limits}), Answer(body=[issue(2)])
    )
    source, rows = replay.read(
        "github", SECRET, {"path": "repos/octo/sky/issues", "start": "2026-01-01T00:00:00Z"}
    )
    assert [row["number"] for row in rows] == [1, 2]
    assert replay.asked == [
        ("/repos/octo/sky/issues", {"since": "2026-01-01T00:00:00Z", "per_page": "100"}),
        ("/repositories/1/issues", {"page": "2"}),
    ]
    assert replay.first.headers["authorization"] == "Bearer s3cret"
    assert replay.first.headers["x-github-api-version"] == "2022-11-28"
    assert source.cursor == {"since": "2026-02-02T10:00:00Z"}


def test_stripe() -> None:
    def charge(name: str, created: int) -> dict[str, Any]:
        return {
            "id": name, "object": "charge", "amount": 1999, "currency": "eur", "created": created,
            "metadata": {}, "paid": True, "customer": None,
        }  # fmt: skip

    replay = Replay(
        Answer(body={"object": "list", "has_more": True, "data": [charge("ch_2", 1772000200)]}),
        Answer(body={"object": "list", "has_more": False, "data": [charge("ch_1", 1772000100)]}),
    )
    source, rows = replay.read("stripe", SECRET, {"path": "charges", "start": 1772000000})
    assert [row["id"] for row in rows] == ["ch_2", "ch_1"]
    since = {"created[gte]": "1772000000", "limit": "100"}
    assert replay.asked == [
        ("/charges", since),
        ("/charges", {**since, "starting_after": "ch_2"}),
    ]
    assert source.cursor == {"since": 1772000200}


def test_hubspot() -> None:
    def contact(n: int) -> dict[str, Any]:
        return {
            "id": str(n), "archived": False, "createdAt": "2026-02-01T10:00:00.000Z",
            "updatedAt": "2026-02-01T10:00:00.000Z", "properties": {"email": f"{n}@weir.example"},
        }  # fmt: skip

    after = {"next": {"after": "2", "link": "https://api.hubapi.com/crm/v3/objects/contacts"}}
    replay = Replay(
        Answer(body={"results": [contact(1)], "paging": after}),
        Answer(body={"results": [contact(2)]}),
    )
    _, rows = replay.read("hubspot", SECRET, {"path": "crm/v3/objects/contacts"})
    assert [row["properties"]["email"] for row in rows] == ["1@weir.example", "2@weir.example"]
    assert [query.get("after") for _, query in replay.asked] == [None, "2"]


def test_shopify() -> None:
    def order(n: int) -> dict[str, Any]:
        return {
            "id": 2_674_098_602_081 + n, "currency": "GBP", "subtotal_price": "2.80",
            "total_price": "3.79", "taxes_included": True, "order_number": 5000 + n,
            "created_at": "2026-02-01T19:35:42+01:00",
            "updated_at": f"2026-02-0{n}T19:35:46+01:00",
            "line_items": [{"id": n, "quantity": 1, "price": "2.80"}], "cancelled_at": None,
        }  # fmt: skip

    link = "</admin/api/2025-10/orders.json?limit=250&page_info=abc>; rel=next"
    replay = Replay(
        Answer(body={"orders": [order(1)]}, headers={"Link": link}),
        Answer(body={"orders": [order(2)]}),
    )
    source, rows = replay.read(
        "shopify",
        {"account": "weir", **SECRET},
        {"path": "orders.json", "params": {"status": "any"}, "start": "2026-01-01T00:00:00Z"},
    )
    assert [row["order_number"] for row in rows] == [5001, 5002]
    assert replay.asked[0][1] == {
        "status": "any", "updated_at_min": "2026-01-01T00:00:00Z", "limit": "250"
    }  # fmt: skip
    assert replay.asked[1][1] == {"limit": "250", "page_info": "abc"}
    assert replay.first.headers["x-shopify-access-token"] == "s3cret"
    assert source.cursor == {"since": "2026-02-02T19:35:46+01:00"}


def test_zendesk() -> None:
    replay = Replay(
        Answer(
            body={
                "users": [{"id": 1, "name": "Ada", "updated_at": "2026-02-01T10:00:00Z"}],
                "meta": {"has_more": True, "after_cursor": "x"},
                "links": {"next": "/users.json?page%5Bafter%5D=x&page%5Bsize%5D=100"},
            }
        ),
        Answer(
            body={
                "users": [{"id": 2, "name": "Bo", "updated_at": "2026-02-02T10:00:00Z"}],
                "meta": {"has_more": False},
                "links": {"next": "/users.json?page%5Bafter%5D=y"},
            }
        ),
    )
    _, rows = replay.read(
        "zendesk", {"account": "weir", "user": "ada@weir.example", **SECRET}, {"path": "users.json"}
    )
    assert [row["name"] for row in rows] == ["Ada", "Bo"]
    assert replay.asked == [
        ("/users.json", {"page[size]": "100"}),
        ("/users.json", {"page[after]": "x", "page[size]": "100"}),
    ]


def test_jira() -> None:
    def issue(n: int) -> dict[str, Any]:
        fields = {"summary": "It rains", "updated": f"2026-02-0{n}T11:00:00.000+0100"}
        return {"id": str(n), "key": f"SKY-{n}", "fields": fields}

    replay = Replay(
        Answer(body={"issues": [issue(1)], "nextPageToken": "abc"}),
        Answer(body={"issues": [issue(2)], "isLast": True}),
    )
    source, rows = replay.read(
        "jira", {"account": "weir", "user": "ada@weir.example", **SECRET}, {"path": "search/jql"}
    )
    assert [row["key"] for row in rows] == ["SKY-1", "SKY-2"]
    assert replay.asked[0][1]["jql"] == 'updated >= "1970-01-02 00:00" order by updated'
    assert replay.asked[1][1]["nextPageToken"] == "abc"
    assert source.cursor == {"since": "2026-02-02T11:00:00.000+0100"}
    waiting = [Answer(body={"issues": []})]
    again = Peer(lambda _: waiting.pop())
    with again.serving():
        later = Source(
            "jira",
            {"base_url": again.url, "account": "weir", "user": "a@weir.example", **SECRET},
            {"path": "search/jql"},
        )
        later.cursor = source.cursor
        assert later.rows() == []
    assert "2026-02-02+10%3A00" in again.requests[0].path


def test_netsuite(monkeypatch: pytest.MonkeyPatch) -> None:
    key = jwk.generate_key("RSA", 3072)
    monkeypatch.setenv("SIGNING_KEY", key.as_pem(private=True).decode())
    suiteql = "services/rest/query/v1/suiteql"
    customer = {"id": "1409", "altname": "Joe Shmoe", "lastmodifieddate": "09/05/2017"}
    replay = Replay(
        Answer(body={"access_token": "t1", "expires_in": "3600", "token_type": "bearer"}),
        Answer(
            body={
                "links": [
                    {"rel": "next", "href": "?limit=1000&offset=1000"},
                    {"rel": "self", "href": f"/{suiteql}"},
                ],
                "count": 1, "hasMore": True, "offset": 0, "totalResults": 1001,
                "items": [{"links": [], **customer}],
            }
        ),
        Answer(
            body={
                "links": [{"rel": "previous", "href": "?limit=1000"}], "count": 1,
                "hasMore": False, "items": [{"links": [], **customer, "id": "1408"}],
            }
        ),
    )  # fmt: skip
    config = {
        "account": "123456-sb1", "client_id": "abc", "key": "SIGNING_KEY", "key_id": "k1",
        "token_url": f"{replay.url}/token",
    }  # fmt: skip
    query = {"q": "select id, altname, lastmodifieddate from customer"}
    _, rows = replay.read("netsuite", config, {"path": "suiteql", "body": query})
    assert [row["id"] for row in rows] == ["1409", "1408"]
    token, first, second = replay.peer.requests
    form = token.form()
    assert form["grant_type"] == "client_credentials"
    claims = jwt.decode(form["client_assertion"], key, algorithms=["PS256"]).claims
    assert claims["iss"] == "abc"
    assert claims["aud"] == f"{replay.url}/token"
    assert first.headers["authorization"] == "Bearer t1"
    assert first.headers["prefer"] == "transient"
    assert [one.json() for one in (first, second)] == [query, query]
    assert replay.asked[2] == ("/suiteql", {"limit": "1000", "offset": "1000"})


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.name)
def test_a_preset_is_a_type_with_a_small_configuration(preset: Any) -> None:
    check_preset(preset.name, {"path": "things"}, most=4)
    stream = rest_stream(preset, PresetStream(path="things.json"))
    assert "{" not in stream.records


def test_an_account_cannot_name_another_host() -> None:
    with pytest.raises(ValueError, match="account"):
        connector_type("shopify").config.model_validate({"account": "evil.example/x#", **SECRET})
