"""The receiver of webhooks over real HTTP; a thread of the test stands for Kafka."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from platform_assets.connectors.kinds.webhook.endpoint import Delivery, Endpoint, Limits
from platform_assets.connectors.kinds.webhook.receiver import Receiver
from platform_assets.connectors.kinds.webhook.signatures import SCHEMES
from platform_assets.connectors.seam.reader import SourceAwayError
from platform_assets.core.gate import Gate
from platform_assets.local.wait import wait_until
from tests.ports import free_port_base
from tests.webhook_sender import Sender, signed

KEY = b"a secret of 24 bytes...."
LIMITS = Limits(
    body_bytes=2000, waiting=3, waiting_bytes=5000, answer_seconds=5, tolerance_seconds=300
)
TYPES = ("application/json", "application/x-www-form-urlencoded")
ONE = {"id": "evt_1", "type": "paid"}


class _Log:
    """Takes what arrives; who holds ``held`` keeps it from taking."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint, self.taken = endpoint, list[Delivery]()
        self.held, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self.held:
                taken = self.endpoint.take(100, 0, 0.05)
                self.taken += taken
                self.endpoint.settle(taken)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(5)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver("127.0.0.1", free_port_base(), Gate(TYPES))
    yield made
    made.close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20) as made:
        yield made


def _opened(receiver: Receiver, scheme: str, limits: Limits = LIMITS) -> Endpoint:
    endpoint = Endpoint("shop", scheme, scheme=SCHEMES[scheme], keys=[KEY], limits=limits)
    receiver.serve("shop", scheme, endpoint)
    return endpoint


def _sender(receiver: Receiver, scheme: str) -> Sender:
    return Sender(f"http://127.0.0.1:{receiver._port}/hooks/shop/{scheme}", SCHEMES[scheme], KEY)


@pytest.fixture
def log(receiver: Receiver) -> Iterator[_Log]:
    made = _Log(_opened(receiver, "standard"))
    yield made
    made.end()


@pytest.fixture
def sender(receiver: Receiver, log: _Log) -> Sender:
    return _sender(receiver, "standard")


def test_an_answer_comes_when_the_log_has_it(
    sender: Sender, log: _Log, client: httpx.Client
) -> None:
    log.held.acquire()
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(sender.send, client, ONE, "d1")
        wait_until(lambda: log.endpoint._waiting, what="it waits", timeout=5, every=0.01)
        assert not told.done()
        log.held.release()
        answer = told.result(5)
    assert (answer.status_code, answer.json()) == (200, {"result": "accepted"})
    (taken,) = log.taken
    assert (taken.id, taken.type, taken.documents) == ("d1", "paid", (ONE,))


def test_a_delivery_that_comes_again_is_taken_once(
    sender: Sender, log: _Log, client: httpx.Client
) -> None:
    before = log.endpoint.counted("repeated")
    log.held.acquire()
    with ThreadPoolExecutor(2) as pool:
        told = [pool.submit(sender.send, client, ONE, "d2") for _ in range(2)]
        wait_until(lambda: log.endpoint._waiting, what="it waits", timeout=5, every=0.01)
        log.held.release()
        assert [one.result(5).status_code for one in told] == [200, 200]
    assert sender.send(client, ONE, "d2").json() == {"result": "repeated"}
    assert len(log.taken) == 1
    assert log.endpoint.counted("repeated") == before + 2


def test_what_nobody_signed_is_refused_and_counted(
    sender: Sender, log: _Log, client: httpx.Client
) -> None:
    before = log.endpoint.counted("unsigned")
    other = Sender(sender.url, sender.scheme, b"another secret")
    answer = other.send(client, ONE, "d3")
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "the signature is of no secret of this source"
    assert sender.send(client, ONE, "d3", now=time.time() - 400).status_code == 401
    assert client.post(sender.url, json=ONE).status_code == 401
    assert log.endpoint.counted("unsigned") == before + 3
    metrics = client.get(sender.url.partition("/hooks")[0] + "/metrics").text
    line = 'weir_webhook_deliveries_total{result="unsigned",source="shop",stream="standard"}'
    assert f"{line} {before + 3}.0" in metrics
    assert not log.taken


def test_rotation_takes_both_secrets(sender: Sender, log: _Log, client: httpx.Client) -> None:
    log.endpoint.keys = (b"the next one", KEY)
    following = Sender(sender.url, sender.scheme, b"the next one")
    assert sender.send(client, ONE, "d4").status_code == 200
    assert following.send(client, ONE, "d5").status_code == 200
    log.endpoint.keys = (b"the next one",)
    assert sender.send(client, ONE, "d6").status_code == 401


@pytest.mark.parametrize("body", [b"[1]", b"1", b"{", b'{"a": NaN}', b"\xff", b""])
def test_a_body_that_is_no_object_is_a_dead_letter(
    sender: Sender, log: _Log, client: httpx.Client, body: bytes
) -> None:
    def send() -> httpx.Response:
        headers = signed(sender.scheme, KEY, body, identity="d7", now=time.time())
        headers["content-type"] = "application/json"
        return client.post(sender.url, content=body, headers=headers)

    answer = send()
    assert answer.status_code == 400
    assert "the body is" in answer.json()["error"]["message"]
    (taken,) = log.taken
    assert (taken.documents, taken.body) == ((), body)
    assert send().status_code == 400
    assert len(log.taken) == 1, "sent again, it is the same dead letter"


def _raw(sender: Sender, client: httpx.Client, method: str = "POST", **more: Any) -> int:
    body = json.dumps(ONE).encode()
    headers = signed(sender.scheme, KEY, body, identity="d8", now=time.time())
    headers = {**headers, "content-type": "application/json", **more.pop("headers", {})}
    url = more.pop("url", sender.url)
    return client.request(method, url, content=body, headers=headers, **more).status_code


def test_what_is_no_delivery_is_refused(sender: Sender, log: _Log, client: httpx.Client) -> None:
    assert _raw(sender, client, headers={"content-type": "text/plain"}) == 415
    assert _raw(sender, client, headers={"host": "evil.example"}) == 400
    assert _raw(sender, client, headers={"origin": "https://evil.example"}) == 403
    assert _raw(sender, client, method="PUT") == 405
    assert client.get(sender.url).headers["allow"] == "POST"
    assert _raw(sender, client, url=sender.url + "x") == 404
    assert _raw(sender, client, url=sender.url.replace("/hooks", "")) == 404
    assert not log.taken


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    sender: Sender, client: httpx.Client
) -> None:
    assert sender.send(client, {"text": "x" * 3000}, "d9").status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    headers = {"content-type": "application/json"}
    assert client.post(sender.url, content=chunks(), headers=headers).status_code == 413


def test_who_waits_too_long_is_told_to_come_again(receiver: Receiver, client: httpx.Client) -> None:
    endpoint = _opened(receiver, "standard", replace(LIMITS, answer_seconds=0.2))
    sender = _sender(receiver, "standard")
    answer = sender.send(client, ONE, "d1")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert endpoint.take(10, 0, 0) == [], "its sender was turned away: it must not wait on"
    log = _Log(endpoint)
    try:
        assert sender.send(client, ONE, "d1").json() == {"result": "accepted"}
        assert len(log.taken) == 1
    finally:
        log.end()


def test_a_commit_that_comes_late_answers_the_retry(
    receiver: Receiver, client: httpx.Client
) -> None:
    endpoint = _opened(receiver, "standard", replace(LIMITS, answer_seconds=0.2))
    sender = _sender(receiver, "standard")
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(sender.send, client, ONE, "d1")
        taken = endpoint.take(10, 0, 5)
        assert told.result(5).status_code == 503
    endpoint.settle(taken)
    assert sender.send(client, ONE, "d1").json() == {"result": "repeated"}
    assert endpoint.take(10, 0, 0) == []


def test_too_many_are_turned_away_at_once(receiver: Receiver, client: httpx.Client) -> None:
    endpoint = _opened(receiver, "standard")
    sender = _sender(receiver, "standard")
    with ThreadPoolExecutor(3) as pool:
        told = [pool.submit(sender.send, client, ONE, f"d{n}") for n in range(3)]
        wait_until(lambda: len(endpoint._waiting) == 3, what="all wait", timeout=5, every=0.01)
        answer = sender.send(client, ONE, "d4")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        endpoint.settle(endpoint.take(10, 0, 0))
        assert [one.result(5).status_code for one in told] == [200] * 3


def test_a_stop_turns_away_who_waits(receiver: Receiver, client: httpx.Client) -> None:
    endpoint = _opened(receiver, "standard")
    sender = _sender(receiver, "standard")
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(sender.send, client, ONE, "d1")
        wait_until(lambda: endpoint._waiting, what="it waits", timeout=5, every=0.01)
        endpoint.close()
        assert told.result(5).status_code == 503
    assert sender.send(client, ONE, "d1").status_code == 503


def test_questions_of_senders_are_answered_and_no_events(
    receiver: Receiver, client: httpx.Client
) -> None:
    asked = {"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"}
    endpoint = _opened(receiver, "slack")
    slack = _sender(receiver, "slack")
    assert slack.send(client, asked, "").json() == {"challenge": "3eZbrw1a"}
    unsigned = Sender(slack.url, slack.scheme, b"no secret of theirs")
    assert unsigned.send(client, asked, "").status_code == 401
    assert endpoint.take(1, 0, 0) == []
    endpoint = _opened(receiver, "github")
    body = json.dumps({"zen": "Anything added dilutes everything else.", "hook_id": 1}).encode()
    headers = signed(SCHEMES["github"], KEY, body, identity="d1", now=0)
    headers |= {"content-type": "application/json", "x-github-event": "ping"}
    url = _sender(receiver, "github").url
    assert client.post(url, content=body, headers=headers).json() == {"result": "pong"}
    assert endpoint.take(1, 0, 0) == []


def test_a_form_carries_its_json(receiver: Receiver, client: httpx.Client) -> None:
    log = _Log(_opened(receiver, "github"))
    try:
        body = b"payload=%7B%22action%22%3A%22opened%22%7D"
        headers = signed(SCHEMES["github"], KEY, body, identity="d1", now=0)
        headers["content-type"] = "application/x-www-form-urlencoded"
        answer = client.post(_sender(receiver, "github").url, content=body, headers=headers)
        assert answer.status_code == 200
        assert log.taken[0].documents == ({"action": "opened"},)
    finally:
        log.end()


def test_a_port_that_is_taken_is_an_error_that_may_pass(receiver: Receiver) -> None:
    _opened(receiver, "standard")
    second = Receiver("127.0.0.1", receiver._port, Gate(TYPES))
    with pytest.raises(SourceAwayError, match="cannot be had: Address already in use"):
        _opened(second, "standard")
