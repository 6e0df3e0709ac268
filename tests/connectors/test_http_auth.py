"""Who asks: every way to say it, tokens that run out, are refused and are renewed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwk, jwt

from platform_assets.connectors.seam.reader import SourceRefusedError
from platform_assets.core.secrets import SecretError
from tests.connectors.api_peer import STREAM, Api, Source
from tests.peer import Answer, Request

ALL = {name: value for name, value in STREAM.items() if name != "incremental"}


class Guarded(Api):
    """The API, and its token endpoint at ``/token``.

    Attributes:
        forms: what the endpoint was asked.
        good: the token that is accepted; each one that is given is another.
        seconds: for which a token is said to be good.
    """

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.seconds = 3600
        self.good = ""
        self.refusal: Answer | None = None
        self.rotates = False
        self.before = self._guard

    def _guard(self, request: Request) -> Answer | None:
        if request.path == "/token":
            self.forms.append(
                {**request.form(), "authorization": request.headers.get("authorization")}
            )
            if self.refusal is not None:
                return self.refusal
            self.good = f"token-{len(self.forms)}"
            body = {"access_token": self.good, "expires_in": self.seconds, "token_type": "Bearer"}
            if self.rotates:
                body["refresh_token"] = f"refresh-{len(self.forms)}"
            return Answer(body=body)
        given = request.headers.get("authorization")
        return None if given == f"Bearer {self.good}" else Answer(401, {"error": "no"})


@pytest.fixture
def api() -> Iterator[Guarded]:
    with Guarded().serving() as made:
        made.add(range(1, 4))
        yield made


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SECRET", "s3cret")


def source(api: Guarded, **auth: Any) -> Source:
    if "token_url" in auth:
        auth["token_url"] = f"{api.url}/token"
    return Source("rest", {"base_url": api.url, "auth": auth, "attempts": 2}, ALL)


def oauth(api: Guarded, **more: Any) -> Source:
    return source(
        api, kind="client_credentials", token_url="", client_id="weir",
        client_secret="API_SECRET", **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (
            {"kind": "basic", "user": "weir", "password": "API_SECRET"},
            "authorization",
            "Basic " + base64.b64encode(b"weir:s3cret").decode(),
        ),
        ({"kind": "bearer", "secret": "API_SECRET"}, "authorization", "Bearer s3cret"),
        ({"kind": "api_key", "secret": "API_SECRET"}, "x-api-key", "s3cret"),
        (
            {"kind": "api_key", "secret": "API_SECRET", "name": "Auth", "prefix": "Token "},
            "auth",
            "Token s3cret",
        ),
    ],
)
def test_a_header_says_who_asks(
    api: Guarded, auth: dict[str, Any], header: str, value: str
) -> None:
    api.before = lambda _: None
    assert source(api, **auth).ids() == [1, 2, 3]
    assert api.requests[0].headers[header] == value


def test_a_token_is_kept_over_reads(api: Guarded) -> None:
    one = oauth(api, scope="rows", extra={"audience": "shop"})
    assert one.ids() == [1, 2, 3]
    assert one.ids() == [1, 2, 3]
    basic = "Basic " + base64.b64encode(b"weir:s3cret").decode()
    assert api.forms == [
        {
            "grant_type": "client_credentials", "scope": "rows", "audience": "shop",
            "authorization": basic,
        }
    ]  # fmt: skip


def test_the_client_may_be_named_in_the_form(api: Guarded) -> None:
    assert oauth(api, style="post").ids() == [1, 2, 3]
    (form,) = api.forms
    assert (form["client_id"], form["client_secret"]) == ("weir", "s3cret")
    assert form["authorization"] is None


def test_a_token_that_runs_out_is_fetched_anew(
    api: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platform_assets.connectors.http import auth

    api.seconds = 60
    one = oauth(api)
    assert one.ids() == [1, 2, 3]
    now = auth.time.monotonic()
    monkeypatch.setattr(auth.time, "monotonic", lambda: now + 61)
    assert one.ids() == [1, 2, 3]
    assert len(api.forms) == 2


def test_a_token_that_is_refused_is_renewed_once(api: Guarded) -> None:
    one = oauth(api)
    assert one.ids() == [1, 2, 3]
    api.good = "another"
    assert one.ids() == [1, 2, 3]
    assert len(api.forms) == 2
    api.before = lambda request: (
        api._guard(request) if request.path == "/token" else Answer(401, {"error": "revoked"})
    )
    with pytest.raises(SourceRefusedError, match=r"answers 401.*revoked"):
        one.ids()
    assert len(api.forms) == 3


def test_a_client_that_is_refused_is_told_with_the_reason(api: Guarded) -> None:
    api.refusal = Answer(400, {"error": "invalid_client", "error_description": "unknown"})
    with pytest.raises(
        SourceRefusedError, match=r"no token \(400: invalid_client, unknown\)"
    ) as it:
        oauth(api).ids()
    assert "s3cret" not in str(it.value)


def test_an_endpoint_that_fails_is_asked_again(api: Guarded) -> None:
    answers: list[Answer | None] = [Answer(503, b"")]

    def guard(request: Request) -> Answer | None:
        if request.path == "/token" and answers:
            return answers.pop()
        return api._guard(request)

    api.before = guard
    assert oauth(api).ids() == [1, 2, 3]


def test_a_refresh_token_gives_tokens_and_the_next_of_its_kind(
    api: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRESH", "refresh-0")
    api.rotates = True
    one = source(api, kind="refresh_token", token_url="", client_id="weir", refresh_token="REFRESH")
    assert one.ids() == [1, 2, 3]
    api.good = "another"
    assert one.ids() == [1, 2, 3]
    assert [form["refresh_token"] for form in api.forms] == ["refresh-0", "refresh-1"]
    assert {form["client_id"] for form in api.forms} == {"weir"}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_signed_assertion_gives_tokens(
    api: Guarded, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    made = (
        jwk.generate_key("RSA", 2048) if algorithm == "RS256" else jwk.generate_key("EC", "P-256")
    )
    monkeypatch.setenv("SIGNING_KEY", made.as_pem(private=True).decode())
    one = source(
        api, kind="jwt_bearer", token_url="", issuer="weir", key="SIGNING_KEY", key_id="k1",
        subject="someone", scope="rows", algorithm=algorithm,
    )  # fmt: skip
    assert one.ids() == [1, 2, 3]
    (form,) = api.forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    token = jwt.decode(form["assertion"], made, algorithms=[algorithm])
    assert token.header["kid"] == "k1"
    assert token.claims["sub"] == "someone"
    assert token.claims["aud"] == f"{api.url}/token"
    assert 0 < token.claims["exp"] - token.claims["iat"] <= 300


def test_a_key_that_is_no_key_is_named(api: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", "no key")
    one = source(api, kind="jwt_bearer", token_url="", issuer="weir", key="SIGNING_KEY")
    with pytest.raises(SourceRefusedError, match="SIGNING_KEY holds no RSA key in PEM"):
        one.ids()


def test_a_secret_that_is_missing_is_named(api: Guarded) -> None:
    with pytest.raises(SecretError, match="no secret in API_MISSING"):
        source(api, kind="bearer", secret="API_MISSING").ids()


def test_a_secret_with_a_line_end_is_refused(api: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SECRET", "s3\ncret")
    with pytest.raises(SourceRefusedError, match="cannot be sent as a header"):
        source(api, kind="bearer", secret="API_SECRET").ids()
