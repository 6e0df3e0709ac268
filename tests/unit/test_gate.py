"""Requests that a page of another site makes a browser send are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from platform_assets.core.gate import ANY_HOST, Gate, gate_of
from platform_assets.graph.webserver import Gated

JSON = "application/json"
OWN = "127.0.0.1:17710"


def refused(
    gate: Gate, method: str = "POST", path: str = "/", kind: str = "http", **headers: str
) -> int:
    """Status of the refusal; 0 where the request may come in."""
    given_headers = {"host": OWN, **{n.replace("_", "-"): v for n, v in headers.items()}}
    scope: dict[str, Any] = {
        "type": kind, "path": path,
        "headers": [(n.encode(), v.encode("latin-1")) for n, v in given_headers.items()],
    }  # fmt: skip
    if kind == "http":
        scope["method"] = method
    found = gate.refusal(scope)
    return found.status if found else 0


def test_programs_and_own_pages_come_in() -> None:
    gate = Gate((JSON,))
    assert refused(gate, content_type="application/json; charset=utf-8") == 0
    own = {"origin": f"http://{OWN}", "sec_fetch_site": "same-origin"}
    assert refused(gate, content_type=JSON, **own) == 0
    assert refused(gate, "GET", host="LOCALHOST:1") == 0
    assert refused(gate, "GET", host="localhost.") == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": f"http://{OWN}.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_another_sites_page_does_not(headers: dict[str, str]) -> None:
    assert refused(Gate((JSON,)), content_type=JSON, **headers) == 403
    assert refused(Gate((JSON,)), kind="websocket", **headers) == 403


@pytest.mark.parametrize(
    "kind",
    [
        "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a",
        "text/plain; application/json", "text/plain, application/json", "application/jsonp",
    ],
)  # fmt: skip
def test_what_a_form_can_send_is_no_json(kind: str) -> None:
    assert refused(Gate((JSON,)), content_type=kind) == 415


def test_a_body_says_what_it_is_and_without_one_there_is_nothing_to_say() -> None:
    assert refused(Gate((JSON,)), content_length="2") == 415
    assert refused(Gate((JSON,)), transfer_encoding="chunked") == 415
    assert refused(Gate((JSON,)), content_length="0") == 0
    assert refused(Gate((JSON,)), content_length="0", origin="https://evil.example") == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:17710", "127.0.0.1.evil.example", "localhost.evil.example", "",
     "127.0.0.2", "[::1]", "10.0.0.1:8080"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_is_made_to_resolve_here_is_not_ours(host: str, method: str) -> None:
    assert refused(Gate((JSON,)), method, host=host, content_type=JSON) == 400


def test_a_header_sent_twice_holds_for_nothing() -> None:
    pairs = [(b"host", OWN.encode()), (b"content-type", JSON.encode())]
    for name, value in ((b"host", b"evil.example"), (b"content-type", b"text/plain"),
                        (b"origin", b"null")):  # fmt: skip
        twice = [*pairs, (name, value), (name, value)]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": twice}
        assert Gate((JSON,)).refusal(scope) is not None
    assert Gate((JSON,)).refusal({"type": "http", "method": "GET", "path": "/", "headers": []})


def test_addresses_and_any_name_where_they_are_allowed() -> None:
    pod = Gate((JSON,), addresses=True)
    assert refused(pod, "GET", host="10.0.0.1:8080") == 0
    assert refused(pod, "GET", host="[fd00::1]:8080") == 0
    assert refused(pod, "GET", host="evil.example") == 400
    assert refused(Gate((JSON,), (ANY_HOST,)), "GET", host="purchase.models.example") == 0


def test_a_proxys_name_and_pages_are_ours_too() -> None:
    gate = gate_of("https://reports.example:8443/", (JSON,))
    sent = {"host": "reports.example", "content_type": JSON}
    assert refused(gate, **sent, origin="https://reports.example:8443") == 0
    assert refused(gate, **sent, origin="https://e.example") == 403
    assert refused(gate_of("", (JSON,)), "GET") == 0


def test_reading_that_acts_is_guarded_too() -> None:
    gate = gate_of("", (JSON,), acting=("/graphql",))
    assert refused(gate, "GET", "/graphql", sec_fetch_site="cross-site") == 403
    assert refused(gate, "GET", "/graphql") == 0
    assert refused(gate, "GET", "/runs", sec_fetch_site="cross-site") == 0


@given(st.text(st.characters(max_codepoint=255), max_size=30))
def test_only_the_servers_own_names_are_its_names(host: str) -> None:
    bare = host.strip().lower().partition(":")[0].rstrip(".")
    if bare not in ("localhost", "127.0.0.1"):
        assert refused(Gate((JSON,)), "GET", host=host) == 400


def test_dagsters_server_is_behind_it() -> None:
    app = Gated(PlainTextResponse("in"), gate_of("", (JSON,), acting=("/graphql",)))
    client = TestClient(app, base_url="http://localhost")
    assert client.get("/graphql").text == "in"
    plain = client.post("/graphql", params={"query": "mutation"}, content="x")
    assert plain.status_code == 415
    for sent in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert client.post("/graphql", params={"query": "m"}, headers=sent).status_code == 403
    assert client.get("/graphql", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    foreign = {"Origin": "https://evil.example"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/graphql", headers=foreign):
        pass


def test_dagster_builds_it_in() -> None:
    from platform_assets.graph.webserver import Webserver

    first = Webserver.build_middleware(Webserver.__new__(Webserver))[0]
    assert first.cls is Gated
