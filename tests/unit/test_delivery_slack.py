"""Messages to Slack, against a local server that checks each step and Slack's limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.messaging.transport import Receipt, RefusedError, RetryPolicy, TemporaryError
from reports.delivery import slack
from reports.delivery.channels import BySlack
from reports.delivery.message import Figure, Message, Words
from reports.document import Paragraph
from reports.facts.model import Notice
from tests.peer import Answer, Peer, Request, hanging
from tests.unit.test_delivery_message import (
    MESSAGE_ID,
    PDF_BYTES,
    fact,
    message,
    report,
    settings_of,
)

QUICK = RetryPolicy(attempts=4, pause=0.001, longest=0.01)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_SLACK_TOKEN", "xoxb-s3cret")


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
    transport = BySlack(settings_of(home, slack_url=f"{peer.url}/api", **changes), QUICK)
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
        BySlack(settings_of(tmp_path, slack_url=peer.url), QUICK).send(
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
        BySlack(settings_of(tmp_path, slack_url=peer.url), QUICK).send(
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
        BySlack(settings_of(tmp_path, slack_url=peer.url, request_timeout_seconds=1), QUICK).send(
            message(tmp_path), "#board", MESSAGE_ID
        )


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
