"""What the connector ``rest`` asks and how it takes the answers, over real HTTP, without a log."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from platform_assets.connectors.http import client as http_client
from platform_assets.connectors.http import pace
from platform_assets.connectors.seam.addresses import InternalAddressError
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.core.retry import retry_after
from tests.connectors.api_peer import BY_SEQ, PAGINATIONS, STREAM, Api, Source
from tests.peer import Answer, Request


@pytest.fixture
def api() -> Iterator[Api]:
    with Api().serving() as made:
        yield made


def source(api: Api, options: dict[str, Any] = STREAM, **config: Any) -> Source:
    return Source("rest", {"base_url": api.url, **config}, options)


@pytest.mark.parametrize("kind", PAGINATIONS)
def test_every_way_of_pages_gives_each_row_once(api: Api, kind: str) -> None:
    api.add(range(1, 31))
    one = source(api, {**PAGINATIONS[kind], "incremental": BY_SEQ})
    assert one.ids() == list(range(1, 31))
    assert len(api.requests) in ({1} if kind == "none" else {3, 4})
    api.add(range(31, 44))
    assert one.ids() == list(range(31, 44))
    assert one.cursor == {"since": 43}
    assert one.ids() == []


@pytest.mark.parametrize("kind", [one for one in PAGINATIONS if one != "none"])
def test_a_read_goes_on_with_the_page_that_comes_next(api: Api, kind: str) -> None:
    api.add(range(1, 26))
    one = source(api, {**PAGINATIONS[kind], "incremental": BY_SEQ})
    assert one.ids(pages=1) == list(range(1, 11))
    assert one.ids(pages=1) == list(range(11, 21))
    assert one.ids() == list(range(21, 26))


@pytest.mark.parametrize("kind", ["page", "page with a total", "offset", "cursor", "link"])
def test_pages_that_are_asked_for_ahead_come_in_their_order(api: Api, kind: str) -> None:
    api.add(range(1, 96))
    options = {**PAGINATIONS[kind], "incremental": BY_SEQ, "parallel": 4}
    one = source(api, options)
    assert one.ids(pages=3) == list(range(1, 31))
    assert one.ids() == list(range(31, 96))
    assert one.cursor == {"since": 95}


def test_a_fault_ahead_is_told_in_its_turn(api: Api) -> None:
    api.add(range(1, 96))
    api.before = lambda request: Answer(400) if "page=4&" in f"{request.path}&" else None
    one = source(api, {**STREAM, "parallel": 8})
    with pytest.raises(ConnectorError, match="answers 400"):
        one.ids()
    assert one.cursor["place"] == {"page": 4}
    api.before = lambda _: None
    assert one.ids() == list(range(31, 96))


def test_a_page_that_is_gone_is_asked_for_from_its_beginning(api: Api) -> None:
    api.add(range(1, 26))
    one = source(api, {**PAGINATIONS["cursor"], "incremental": BY_SEQ})
    assert one.ids(pages=1) == list(range(1, 11))
    gone = iter([Answer(410, {"error": "expired"})])
    api.before = lambda _: next(gone, None)
    assert one.ids() == list(range(1, 26))
    api.before = lambda _: Answer(410, {"error": "expired"})
    with pytest.raises(ConnectorError, match="answers 410"):
        one.ids()


def test_too_many_requests_are_waited_for_as_asked(api: Api) -> None:
    api.add(range(1, 4))
    asked = [Answer(429, {}, {"Retry-After": "1"}), Answer(429, {}, {"Retry-After": "0.5"})]
    api.before = lambda _: asked.pop(0) if asked else None
    assert source(api).ids() == [1, 2, 3]
    first, second, third = api.moments[:3]
    assert second - first >= 1.0
    assert third - second >= 0.5


def test_a_storm_of_429_ends_and_no_request_comes_before_it_may(api: Api) -> None:
    api.before = lambda _: Answer(429, {}, {"Retry-After": "3600"})
    one = source(api)
    with pytest.raises(SourceAwayError, match="asks for a pause of 3600 s"):
        one.ids()
    # Another read, another reader: the pause still holds.
    with pytest.raises(SourceAwayError, match=r"asks for a pause of 3[56]\d\d s"):
        one.ids()
    assert len(api.requests) == 1


def test_a_storm_of_short_429_is_bounded(api: Api) -> None:
    api.before = lambda _: Answer(429, {}, {"Retry-After": "0.1"})
    with pytest.raises(SourceAwayError, match="answers 429"):
        source(api, attempts=3).ids()
    assert len(api.requests) == 3
    assert all(b - a >= 0.1 for a, b in zip(api.moments, api.moments[1:], strict=False))


def test_a_spent_window_is_waited_for(api: Api) -> None:
    api.add(range(1, 16))

    def limited(_: Request) -> Answer | None:
        if len(api.moments) != 1:
            return None
        answer = api._page(api.rows, {"page": "1"})
        reset = str(int(time.time()) + 2)
        answer.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        return answer

    api.before = limited
    assert source(api).ids() == list(range(1, 16))
    assert api.moments[1] - api.moments[0] >= 0.9


def test_requests_keep_to_their_rate(api: Api) -> None:
    api.add(range(1, 102))
    assert len(source(api, requests_per_second=20).ids()) == 101
    assert len(api.moments) == 11
    assert api.moments[-1] - api.moments[0] >= 10 / 20 - 0.05


def test_a_storm_of_5xx_is_retried_then_ends_then_opens_the_circuit(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FAILURES_TO_OPEN", 4)
    monkeypatch.setattr(pace, "OPEN_SECONDS", 1.0)
    api.add(range(1, 4))
    answers = [Answer(503), Answer(502)]
    api.before = lambda _: answers.pop(0) if answers else None
    one = source(api, attempts=3)
    assert one.ids() == [1, 2, 3]
    assert len(api.requests) == 3
    api.before = lambda _: Answer(500, b"<h1>sorry</h1>")
    with pytest.raises(SourceAwayError, match="answers 500: <h1>sorry</h1>"):
        one.ids()
    assert len(api.requests) == 6
    with pytest.raises(SourceAwayError, match="4 requests failed in a row"):
        one.ids()
    assert len(api.requests) == 7
    with pytest.raises(SourceAwayError, match="4 requests failed in a row"):
        one.ids()
    assert len(api.requests) == 7
    api.before = lambda _: None
    api.add(range(4, 6))
    time.sleep(1.0)  # the time itself is what is tested
    assert one.ids() == [4, 5]


def test_a_revoked_key_is_refused_and_a_new_one_goes_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add(range(1, 4))
    good = "first"

    def check(request: Request) -> Answer | None:
        return None if request.headers.get("x-api-key") == good else Answer(401, {"e": "no"})

    api.before = check
    monkeypatch.setenv("API_KEY", "first")
    one = source(api, auth={"kind": "api_key", "secret": "API_KEY"})
    assert one.ids() == [1, 2, 3]
    good = "second"
    api.add(range(4, 6))
    asked = len(api.requests)
    with pytest.raises(SourceRefusedError, match="answers 401"):
        one.ids()
    assert len(api.requests) == asked + 1
    monkeypatch.setenv("API_KEY", "second")
    assert one.ids() == [4, 5]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>maintenance</html>", "the answer is no JSON"),
        (b'{"items": [{"id": 1', "the answer is no JSON"),
        (b'{"items": [{"id": NaN}]}', "NaN is no number of JSON"),
        (b'{"rows": []}', "no list of records at 'items'; the answer has: rows"),
        (b"7", "no list of records at 'items'; the answer has: no object"),
    ],
)
def test_a_malformed_page_is_named(api: Api, body: bytes, said: str) -> None:
    api.before = lambda _: Answer(body=body)
    one = source(api)
    with pytest.raises(ConnectorError, match=said) as raised:
        one.ids()
    assert f"source {one.name}, stream rows: {api.url}/page" in str(raised.value)


def test_a_page_that_leads_to_itself_ends_the_read(api: Api) -> None:
    api.before = lambda _: Answer(body={"items": [{"id": 1, "seq": 1}], "next": "same"})
    options = {"path": "x", "records": "items", "pagination": {"kind": "cursor", "path": "next"}}
    with pytest.raises(ConnectorError, match="the next page is this page"):
        source(api, options).ids()
    assert len(api.requests) == 2


def test_a_redirect_keeps_the_key_here_and_drops_it_elsewhere(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cret")
    with Api().serving() as other:
        other.add(range(1, 4))

        def moved(request: Request) -> Answer | None:
            path, _, query = request.path.partition("?")
            if path == "/page":
                return Answer(302, {}, {"Location": f"/moved?{query}"})
            return Answer(307, {}, {"Location": f"{other.url}/page?{query}"})

        api.before = moved
        assert source(api, auth={"kind": "api_key", "secret": "API_KEY"}).ids() == [1, 2, 3]
    assert [one.headers.get("x-api-key") for one in api.requests] == ["s3cret", "s3cret"]
    assert "s3cret" not in str([one.headers for one in other.requests])


def test_a_next_page_elsewhere_is_asked_without_the_key(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cret")
    with Api().serving() as other:
        other.add(range(2, 4))
        body = {"value": [{"id": 1, "seq": 1}], "@next": f"{other.url}/none"}
        api.before = lambda _: Answer(body=body)
        other.before = lambda _: Answer(body={"value": [{"id": 2, "seq": 2}]})
        auth = {"kind": "bearer", "secret": "API_KEY"}
        assert source(api, PAGINATIONS["link"], auth=auth).ids() == [1, 2]
        assert "s3cret" not in str([one.headers for one in other.requests])
    assert api.requests[0].headers["authorization"] == "Bearer s3cret"


def test_a_next_page_that_is_no_address_is_named(api: Api) -> None:
    api.before = lambda _: Answer(body={"value": [{"id": 1, "seq": 1}], "@next": "http://x:y/"})
    with pytest.raises(ConnectorError, match="/link: a link in the answer: Invalid port: 'y'"):
        source(api, PAGINATIONS["link"]).ids()


def test_a_redirect_without_an_end_ends(api: Api) -> None:
    api.before = lambda _: Answer(302, {}, {"Location": "/page"})
    with pytest.raises(ConnectorError, match="more than 5 redirects"):
        source(api).ids()


@pytest.mark.parametrize("networks", ["", "10.0.0.0/8", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_an_internal_address_is_refused(api: Api, networks: str, host: str) -> None:
    if networks == "::1" and host == "localhost":
        pytest.skip("allowed there")
    url = api.url.replace("127.0.0.1", host)
    with pytest.raises(InternalAddressError, match="which is internal"):
        Source("rest", {"base_url": url}, STREAM, networks).ids()
    assert api.requests == []


def test_a_redirect_to_an_internal_address_is_refused(api: Api) -> None:
    api.before = lambda _: Answer(302, {}, {"Location": "http://169.254.169.254/latest"})
    with pytest.raises(InternalAddressError, match=r"169\.254\.169\.254"):
        source(api).ids()


def test_a_key_of_the_query_is_in_no_cursor_and_no_error(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cret")
    api.add(range(1, 26))
    auth = {"kind": "api_key", "secret": "API_KEY", "place": "query", "name": "key"}
    one = source(api, {**PAGINATIONS["link"], "incremental": BY_SEQ}, auth=auth, attempts=1)
    assert one.ids(pages=1) == list(range(1, 11))
    assert one.cursor["place"]["url"] == f"{api.url}/link?start=10"
    api.before = lambda _: Answer(500)
    with pytest.raises(SourceAwayError, match="answers 500") as raised:
        one.ids()
    assert "s3cret" not in json.dumps([str(raised.value), one.cursor])
    api.before = lambda _: None
    assert one.ids() == list(range(11, 26))
    asked = [dict(parse_qsl(urlsplit(one.path).query)) for one in api.requests]
    assert all(one["key"] == "s3cret" for one in asked)


def test_check_and_discover_say_what_is_there(api: Api) -> None:
    api.add(range(1, 4))
    reader = source(api).reader()
    assert "the first page of rows has 3 records" in reader.check()
    (stream,) = reader.discover()
    assert (stream.name, stream.primary_key, stream.cursor_fields) == ("rows", ("id",), ("seq",))
    assert stream.schema.names == ["id", "city", "seq"]
    reader.close()


def test_a_source_that_is_not_there_is_away(api: Api) -> None:
    with pytest.raises(SourceAwayError, match="does not answer"):
        source(api, base_url="http://127.0.0.1:9", attempts=2).reader().check()


def test_an_answer_that_is_too_large_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_LARGEST", 100)
    api.add(range(1, 30))
    with pytest.raises(ConnectorError, match="more than 100 bytes"):
        source(api).ids()


def test_dates_of_retry_after_count_from_the_other_clock() -> None:
    there = time.time() - 86_400
    headers = {"retry-after": formatdate(there + 7), "date": formatdate(there)}
    assert retry_after(headers) == 7.0
    reset = {**headers, "x-ratelimit-reset": str(there + 9)}
    assert pace.until_reset(reset) == pytest.approx(9, abs=1.1)
    assert pace.until_reset({"ratelimit": '"default";r=0;t=30'}) == 30.0
    assert pace.spent({"ratelimit": '"default";r=0;t=30'})
    assert not pace.spent({"x-rate-limit-remaining": "10"})
