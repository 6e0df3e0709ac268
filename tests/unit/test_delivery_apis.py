"""Mail through SendGrid, and messages to Slack, against local servers that check each request."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.delivery import slack
from reports.delivery.message import Figure, Message, Words
from reports.delivery.sendgrid import SendGridTransport
from reports.delivery.slack import SlackTransport
from reports.delivery.transport import Receipt, RefusedError, RetryPolicy, TemporaryError
from reports.document import Notice, Paragraph
from tests.unit.test_delivery_message import (
    MESSAGE_ID,
    PDF_BYTES,
    fact,
    message,
    report,
    settings_of,
)

ADDRESS = "board@example.com"
QUICK = RetryPolicy(attempts=4, first_seconds=0.001, longest_seconds=0.01)


@dataclass
class Answer:
    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """Slack's client sends JSON where there are blocks, else a form."""
        if self.headers["content-type"].startswith("application/json"):
            return dict(self.json())
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_args: object) -> None:
        """A client that left before its answer is what some tests are about."""


class Peer:
    """An HTTP server: a function answers, every request is kept."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body)
                peer.requests.append(request)
                made = answer(request)
                content = json.dumps(made.body).encode()
                self.send_response(made.status)
                for name, value in made.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[Peer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def to(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]


@contextmanager
def scripted(*answers: Answer) -> Iterator[Peer]:
    """A peer with these answers, in turn; the last one stays."""
    waiting = list(answers)
    with Peer(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]).serving() as peer:
        yield peer


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_SENDGRID_KEY", "SG.s3cret")
    monkeypatch.setenv("WEIR_SLACK_TOKEN", "xoxb-s3cret")


def by_sendgrid(home: Path, peer: Peer, **changes: Any) -> Receipt:
    transport = SendGridTransport(settings_of(home, sendgrid_url=peer.url, **changes))
    return QUICK.retrying()(transport.send, message(home), ADDRESS, MESSAGE_ID)


def test_sendgrid_gets_its_key_one_recipient_and_the_pdf(tmp_path: Path) -> None:
    with scripted(Answer(202)) as peer:
        assert by_sendgrid(tmp_path, peer) == Receipt(MESSAGE_ID)
    [request] = peer.requests
    assert request.path == "/v3/mail/send"
    assert request.headers["authorization"] == "Bearer SG.s3cret"
    body = request.json()
    assert body["personalizations"] == [{"to": [{"email": ADDRESS}]}]
    assert body["from"] == {"email": "weir@example.com", "name": "Weir"}
    assert body["headers"]["Message-ID"] == MESSAGE_ID
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    [attached] = body["attachments"]
    assert base64.b64decode(attached["content"]) == PDF_BYTES
    assert attached["filename"] == "weekly-commerce-2010-W50.pdf"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_sendgrid_is_tried_again(tmp_path: Path, status: int) -> None:
    with scripted(Answer(status, headers={"Retry-After": "0"}), Answer(202)) as peer:
        by_sendgrid(tmp_path, peer)
    assert len(peer.requests) == 2


def test_sendgrid_s_500s_end_after_so_many_attempts(tmp_path: Path) -> None:
    with scripted(Answer(500)) as peer, pytest.raises(TemporaryError, match="answered 500"):
        by_sendgrid(tmp_path, peer)
    assert len(peer.requests) == QUICK.attempts


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_sendgrid_s_refusal_is_final_and_says_why(tmp_path: Path, status: int) -> None:
    refusal = Answer(status, {"errors": [{"message": "The from address is not verified"}]})
    with (
        scripted(refusal) as peer,
        pytest.raises(RefusedError, match=f"answered {status}: The from address") as error,
    ):
        by_sendgrid(tmp_path, peer)
    assert len(peer.requests) == 1
    assert "s3cret" not in str(error.value)


def test_an_answer_that_is_no_list_of_errors_is_survived(tmp_path: Path) -> None:
    with scripted(Answer(400, ["odd"])) as peer, pytest.raises(RefusedError, match="answered 400;"):
        by_sendgrid(tmp_path, peer)


@contextmanager
def hanging() -> Iterator[Peer]:
    """A peer that takes requests and answers none before it is shut down."""
    leave = threading.Event()

    def wait(_: Request) -> Answer:
        leave.wait(30)
        return Answer()

    with Peer(wait).serving() as peer:
        try:
            yield peer
        finally:
            leave.set()


def test_a_sendgrid_that_never_answers_is_left(tmp_path: Path) -> None:
    with hanging() as peer, pytest.raises(TemporaryError, match="ReadTimeout"):
        SendGridTransport(
            settings_of(tmp_path, sendgrid_url=peer.url, request_timeout_seconds=0.05)
        ).send(message(tmp_path), ADDRESS, MESSAGE_ID)


def test_what_the_other_side_asks_to_wait_is_waited_within_bounds() -> None:
    waits: list[float] = []
    policy = RetryPolicy(attempts=3, first_seconds=0.001, longest_seconds=7)
    retrying = policy.retrying().copy(sleep=waits.append)
    asked = iter([3.0, 3600.0])

    def refuse() -> None:
        raise TemporaryError("busy", retry_after=next(asked, 0.0))

    with pytest.raises(TemporaryError):
        retrying(refuse)
    assert 3.0 <= waits[0] <= 3.002
    assert waits[1] == 7


class Slack:
    """Slack's four steps, each checked; an answer may be put in the way of a step."""

    def __init__(self, **instead: list[Answer]) -> None:
        self._instead = instead
        self.uploaded: list[bytes] = []
        self.completed: list[dict[str, str]] = []
        self.posted: list[dict[str, Any]] = []
        self.peer = Peer(self._answer)

    def _answer(self, request: Request) -> Answer:
        step = request.path.rsplit("/", 1)[-1].replace(".", "_")
        if step != "upload" and request.headers.get("authorization") != "Bearer xoxb-s3cret":
            return Answer(200, {"ok": False, "error": "invalid_auth"})
        if self._instead.get(step):
            return self._instead[step].pop(0)
        return Answer(200, getattr(self, f"_{step}")(request))

    def _chat_postMessage(self, request: Request) -> dict[str, Any]:  # noqa: N802
        if fault := fault_of(body := request.form()):
            return {"ok": False, "error": "invalid_blocks", "fault": fault}
        self.posted.append(body)
        return {"ok": True, "channel": "C0000000001", "ts": "1.2"}

    def _files_getUploadURLExternal(self, request: Request) -> dict[str, Any]:  # noqa: N802
        assert int(request.form()["length"]) == len(PDF_BYTES)
        return {"ok": True, "upload_url": f"{self.peer.url}/upload", "file_id": "F1"}

    def _upload(self, request: Request) -> dict[str, Any]:
        self.uploaded.append(request.body)
        return {}

    def _files_completeUploadExternal(self, request: Request) -> dict[str, Any]:  # noqa: N802
        self.completed.append(request.form())
        return {"ok": True, "files": [{"id": "F1"}]}


def fault_of(body: dict[str, Any]) -> str:
    """What Slack would refuse in a message; empty for nothing."""
    blocks = body["blocks"]
    if not 0 < len(blocks) <= 50:
        return "blocks"
    for block in blocks:
        text = block.get("text", {}).get("text", "x")
        limit = 150 if block["type"] == "header" else 3000
        if not 0 < len(text) <= limit:
            return f"{block['type']} text"
        fields = block.get("fields", [])
        if len(fields) > 10 or any(not 0 < len(each["text"]) <= 2000 for each in fields):
            return "fields"
        for element in block.get("elements", []):
            shown = element["text"] if isinstance(element["text"], str) else element["text"]["text"]
            if not 0 < len(shown) <= (75 if element["type"] == "button" else 3000):
                return "element text"
    return ""


def by_slack(home: Path, peer: Peer, **changes: Any) -> Receipt:
    transport = SlackTransport(settings_of(home, slack_url=f"{peer.url}/api", **changes), QUICK)
    return QUICK.retrying()(transport.send, message(home), "#board", MESSAGE_ID)


def test_slack_gets_the_message_then_the_pdf_in_its_thread(tmp_path: Path) -> None:
    fake = Slack()
    with fake.peer.serving() as peer:
        assert by_slack(tmp_path, peer) == Receipt("C0000000001/1.2")
    [body] = fake.posted
    assert body["channel"] == "#board"
    assert body["blocks"][0]["text"]["text"] == "Weekly commerce"
    fields = next(block["fields"] for block in body["blocks"] if "fields" in block)
    assert fields[0] == {"type": "mrkdwn", "text": "*Net sales*\n£123,456", "verbatim": True}
    buttons = [e for block in body["blocks"] for e in block.get("elements", []) if "url" in e]
    assert buttons[0]["url"] == "https://weir.example.com/reports/weekly-commerce/2010-W50"
    [content] = fake.uploaded
    assert PDF_BYTES in content
    [completed] = fake.completed
    assert (completed["channel_id"], completed["thread_ts"]) == ("C0000000001", "1.2")


def test_the_text_of_a_document_calls_nobody(tmp_path: Path) -> None:
    document = report(
        title="<!channel> Q4",
        summary=(Paragraph(text="<@U0123456789> see <https://thief.example|this>"),),
        facts=(fact("net_sales", "1", label="<!here> & all"),),
        headline=("net_sales",),
        notices=(Notice(rule="gap", message="<!everyone>"),),
    )
    fake = Slack()
    with fake.peer.serving() as peer:
        SlackTransport(settings_of(tmp_path, slack_url=peer.url), QUICK).send(
            message(tmp_path, document), "#board", MESSAGE_ID
        )
    [body] = fake.posted
    assert body["channel"] == "#board"
    assert "<" not in body["text"]
    for block in body["blocks"]:
        for text in (block.get("text"), *block.get("fields", [])):
            assert not text or text["type"] == "plain_text" or "<" not in text["text"]


@pytest.mark.parametrize(
    "busy",
    [
        Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "0"}),
        Answer(503, {"ok": False, "error": "service_unavailable"}),
        Answer(200, {"ok": False, "error": "internal_error"}),
    ],
)
def test_a_busy_slack_is_tried_again(tmp_path: Path, busy: Answer) -> None:
    fake = Slack(chat_postMessage=[busy])
    with fake.peer.serving() as peer:
        by_slack(tmp_path, peer)
    assert len(peer.to("/api/chat.postMessage")) == 2
    assert len(fake.posted) == 1


def test_slack_s_wait_is_read_from_its_header(tmp_path: Path) -> None:
    limited = Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "17"})
    with (
        Slack(chat_postMessage=[limited]).peer.serving() as peer,
        pytest.raises(TemporaryError) as error,
    ):
        SlackTransport(settings_of(tmp_path, slack_url=peer.url), QUICK).send(
            message(tmp_path), "#board", MESSAGE_ID
        )
    assert error.value.retry_after == 17


@pytest.mark.parametrize("reason", ["not_in_channel", "channel_not_found", "is_archived"])
def test_slack_s_refusal_is_final_and_says_why(tmp_path: Path, reason: str) -> None:
    fake = Slack(chat_postMessage=[Answer(200, {"ok": False, "error": reason})] * 2)
    with fake.peer.serving() as peer, pytest.raises(RefusedError, match=f"#board: {reason}"):
        by_slack(tmp_path, peer)
    assert len(peer.requests) == 1


def test_a_wrong_token_is_final_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_SLACK_TOKEN", "xoxb-wr0ng")
    fake = Slack()
    with (
        fake.peer.serving() as peer,
        pytest.raises(RefusedError, match="invalid_auth") as error,
    ):
        by_slack(tmp_path, peer)
    assert "wr0ng" not in str(error.value)


def test_a_slack_that_never_answers_is_left(tmp_path: Path) -> None:
    with hanging() as peer, pytest.raises(TemporaryError, match="Slack cannot be reached"):
        SlackTransport(
            settings_of(tmp_path, slack_url=peer.url, request_timeout_seconds=1), QUICK
        ).send(message(tmp_path), "#board", MESSAGE_ID)


@pytest.mark.parametrize("step", ["files_getUploadURLExternal", "files_completeUploadExternal"])
def test_a_pdf_that_slack_does_not_take_leaves_one_message_and_a_note(
    tmp_path: Path, step: str
) -> None:
    fake = Slack(**{step: [Answer(200, {"ok": False, "error": "missing_scope"})] * 9})
    with fake.peer.serving() as peer:
        receipt = by_slack(tmp_path, peer)
    assert len(fake.posted) == 1
    assert receipt.message_id == "C0000000001/1.2"
    assert "the PDF was not attached" in receipt.note
    assert "missing_scope" in receipt.note


def test_a_pdf_is_tried_again_without_a_second_message(tmp_path: Path) -> None:
    fake = Slack(upload=[Answer(500)], files_getUploadURLExternal=[Answer(500, {"ok": False})])
    with fake.peer.serving() as peer:
        assert by_slack(tmp_path, peer).note == ""
    assert len(fake.posted) == 1
    assert len(fake.completed) == 1


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=400)


@given(
    title=texts,
    label=st.one_of(texts, st.just("&" * 5_000)),
    paragraphs=st.lists(st.one_of(texts, st.just("<" * 9_000)), max_size=70),
    figures=st.integers(0, 25),
)
def test_blocks_stay_within_slack_s_limits(
    title: str, label: str, paragraphs: list[str], figures: int
) -> None:
    made = slack.blocks(
        Message(
            title=title,
            period="2010-W50",
            data_until="Data until 2010-12-20",
            language="en",
            direction="ltr",
            figures=(Figure(label, label),) * figures,
            summary=tuple(paragraphs),
            notices=(),
            link="https://weir.example.com",
            pdf=PDF_BYTES,
            pdf_name="report.pdf",
            words=Words("Open", "Attached", "Until {time}"),
        )
    )
    assert fault_of({"blocks": made}) == ""
    assert made[-1]["type"] == "context"
    assert made[-2]["type"] == "actions", "the link is there however long the text"
