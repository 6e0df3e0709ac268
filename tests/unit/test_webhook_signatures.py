"""Signatures of webhooks: the published vectors, and that nothing else passes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks import Webhook

from platform_assets.connectors.kinds.webhook.signatures import SCHEMES, Scheme, SignatureError
from tests.webhook_sender import signed

KEYS = {
    name: base64.b64encode(b"a secret of 24 bytes....").decode()
    if name == "standard"
    else "a secret"
    for name in SCHEMES
}
BODY = b'{"id":"evt_1","type":"paid","event_id":"Ev1","event":{"type":"message"}}'


def test_the_vector_of_standard_webhooks_verifies() -> None:
    scheme = SCHEMES["standard"]
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body, key = b'{"test": 2432232314}', scheme.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    scheme.verify(headers, body, [key], 1614265330, 300)
    headers["webhook-signature"] = "v1a,AAAA v1,bm9wZQ== " + headers["webhook-signature"]
    scheme.verify(headers, body, [b"older", key], 1614265330 + 299, 300)
    with pytest.raises(SignatureError, match="301 s ago; at most 300 s are allowed"):
        scheme.verify(headers, body, [key], 1614265330 + 301, 300)
    with pytest.raises(SignatureError, match="301 s ahead"):
        scheme.verify(headers, body, [key], 1614265330 - 301, 300)


def test_the_vector_of_github_verifies() -> None:
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": f"sha256={digest}"}
    SCHEMES["github"].verify(headers, b"Hello, World!", [b"It's a Secret to Everybody"], 0, 300)


def test_what_the_reference_library_signs_verifies() -> None:
    secret = f"whsec_{KEYS['standard']}"
    now = datetime.now(UTC)
    headers = {"webhook-id": "m1", "webhook-timestamp": str(int(now.timestamp()))}
    headers["webhook-signature"] = Webhook(secret).sign("m1", now, BODY.decode())
    scheme = SCHEMES["standard"]
    scheme.verify(headers, BODY, [scheme.key(secret)], now.timestamp(), 300)


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_each_scheme_takes_its_own_and_nothing_else(name: str) -> None:
    scheme, now = SCHEMES[name], time.time()
    key = scheme.key(KEYS[name])
    headers = signed(scheme, key, BODY, identity="d1", now=now)
    # A rotation: the sender's secret is the second of two.
    scheme.verify(headers, BODY, [b"the next secret", key], now, 300)
    with pytest.raises(SignatureError, match="of no secret"):
        scheme.verify(headers, BODY, [b"another"], now, 300)
    with pytest.raises(SignatureError, match="of no secret"):
        scheme.verify(headers, BODY + b" ", [key], now, 300)
    for missing in headers:
        if missing in (scheme.signature_header, scheme.timestamp_header):
            with pytest.raises(SignatureError, match="no header"):
                scheme.verify({**headers, missing: ""}, BODY, [key], now, 300)
    if "{timestamp}" in scheme.signed:
        with pytest.raises(SignatureError, match="at most 300 s"):
            scheme.verify(headers, BODY, [key], now + 400, 300)


@pytest.mark.parametrize("name", sorted(SCHEMES))
@given(where=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_passes(name: str, where: int, bit: int) -> None:
    scheme = SCHEMES[name]
    key = scheme.key(KEYS[name])
    headers = signed(scheme, key, BODY, identity="d1", now=1000)
    changed = bytearray(BODY)
    changed[where] ^= 1 << bit
    with pytest.raises(SignatureError):
        scheme.verify(headers, bytes(changed), [key], 1000, 300)


@given(text=st.text(), now=st.integers(0, 10**10))
def test_any_header_is_refused_by_name(text: str, now: int) -> None:
    for scheme in SCHEMES.values():
        headers = {scheme.signature_header: text, scheme.timestamp_header: text}
        with pytest.raises(SignatureError):
            scheme.verify(headers, BODY, [b"key"], now, 300)


@pytest.mark.parametrize(
    ("name", "identity", "event"),
    [
        ("standard", "d1", "paid"),
        ("github", "d1", "push"),
        ("stripe", "evt_1", "paid"),
        ("shopify", "d1", "push"),
        ("slack", "Ev1", "message"),
    ],
)
def test_each_scheme_names_delivery_and_event(name: str, identity: str, event: str) -> None:
    import orjson

    scheme = SCHEMES[name]
    headers = {
        "webhook-id": "d1", "x-github-delivery": "d1", "x-shopify-webhook-id": "d1",
        "x-github-event": "push", "x-shopify-topic": "push",
    }  # fmt: skip
    document = orjson.loads(BODY)
    assert scheme.delivery_id(headers, document, BODY) == identity
    assert scheme.event_type(headers, document) == event


def test_a_body_without_an_id_is_named_by_its_digest() -> None:
    scheme = SCHEMES["stripe"]
    assert scheme.delivery_id({}, {}, b"{}") == f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    with pytest.raises(ValueError, match="an id of 257 characters"):
        scheme.delivery_id({}, {"id": "x" * 257}, b"")


def test_a_custom_scheme_may_be_a_bare_token_or_base64_of_sha512() -> None:
    token = Scheme(signature_header="X-Gitlab-Token", encoding="plain", id_header="X-Id")
    token.verify({"x-gitlab-token": "hunter2"}, b"", [b"hunter2"], 0, 1)
    with pytest.raises(SignatureError, match="of no secret"):
        token.verify({"x-gitlab-token": "hunter3"}, b"", [b"hunter2"], 0, 1)
    long = Scheme(signature_header="X-Sig", encoding="base64", algorithm="sha512", prefix="k1=")
    digest = base64.b64encode(hmac.new(b"k", b"{}", hashlib.sha512).digest()).decode()
    long.verify({"x-sig": f"k1={digest}"}, b"{}", [b"k"], 0, 1)
    with pytest.raises(SignatureError, match="no signature in X-Sig"):
        long.verify({"x-sig": digest}, b"{}", [b"k"], 0, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"signed": "v0"}, "hold {body} once"),
        ({"signed": "{nonce}{body}"}, "no braces but"),
        ({"timestamp_header": "X-Time"}, "a moment that is not signed proves nothing"),
        ({"signed": "{timestamp}{body}"}, "expected {timestamp} in `signed`"),
        ({"signed": "{id}{body}"}, "expected `id_header`"),
    ],
)
def test_a_scheme_that_proves_nothing_is_refused(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Scheme.model_validate({"signature_header": "X-Sig", **wrong})


def test_a_secret_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected base64"):
        SCHEMES["standard"].key("whsec_###")
    with pytest.raises(ValueError, match="not empty"):
        SCHEMES["standard"].key("whsec_")
