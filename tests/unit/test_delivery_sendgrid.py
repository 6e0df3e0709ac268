"""Mail through SendGrid, against a local server."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from platform_assets.messaging.transport import Receipt, RefusedError, RetryPolicy, TemporaryError
from reports.delivery.channels import ByMail
from tests.peer import Answer, Peer, hanging, scripted
from tests.unit.test_delivery_message import (
    MESSAGE_ID,
    PDF_BYTES,
    message,
    settings_of,
)

ADDRESS = "board@example.com"
QUICK = RetryPolicy(attempts=4, pause=0.001, longest=0.01)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_SENDGRID_KEY", "SG.s3cret")


def by_sendgrid(home: Path, peer: Peer, **changes: Any) -> Receipt:
    transport = ByMail(settings_of(home, sendgrid_url=peer.url, **changes))
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


def test_a_sendgrid_that_never_answers_is_left(tmp_path: Path) -> None:
    with hanging() as peer, pytest.raises(TemporaryError, match="ReadTimeout"):
        ByMail(settings_of(tmp_path, sendgrid_url=peer.url, request_timeout_seconds=0.05)).send(
            message(tmp_path), ADDRESS, MESSAGE_ID
        )


def test_what_the_other_side_asks_to_wait_is_waited_within_bounds() -> None:
    waits: list[float] = []
    policy = RetryPolicy(attempts=3, pause=0.001, longest=7)
    retrying = policy.retrying().copy(sleep=waits.append)
    asked = iter([3.0, 3600.0])

    def refuse() -> None:
        raise TemporaryError("busy", retry_after=next(asked, 0.0))

    with pytest.raises(TemporaryError):
        retrying(refuse)
    assert 3.0 <= waits[0] <= 3.002
    assert waits[1] == 7
