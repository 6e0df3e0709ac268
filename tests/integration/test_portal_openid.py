"""Signing in at an OpenID provider: a small one that really signs, on a port of its own."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import RSAKey

from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from reports.portal.app import create_app
from reports.portal.audit import Audit
from reports.portal.database import portal_database
from reports.portal.users import User, Users
from tests.integration.portal_sample import TableRows
from tests.ports import free_port_base

MAIL = "anna@example.org"


@dataclass
class Provider:
    """Signs whoever comes in as ``claims``; a test may make it lie."""

    port: int
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signing_key: RSAKey | None = None
    claims: dict[str, object] = field(default_factory=dict)
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def app(self) -> FastAPI:
        app = FastAPI()

        def metadata() -> dict[str, str]:
            paths = {"authorization_endpoint": "authorize", "token_endpoint": "token"}
            found = {name: f"{self.issuer}/{path}" for name, path in paths.items()}
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **found}

        def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            code = hashlib.sha256(asked["state"].encode()).hexdigest()
            self.asked[code] = asked
            target = f"{asked['redirect_uri']}?code={code}&state={asked['state']}"
            return RedirectResponse(target)

        async def token(request: Request) -> Response:
            form = {
                name: value[0] for name, value in parse_qs((await request.body()).decode()).items()
            }
            credentials = base64.b64decode(request.headers["authorization"].split()[1])
            asked = self.asked.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if not asked or credentials != b"weir:s3cret" or challenge != asked["code_challenge"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            now = int(time.time())
            claims = {
                "iss": self.issuer, "aud": "weir", "sub": "4711", "iat": now, "exp": now + 60,
                "nonce": asked["nonce"], "email": MAIL, "email_verified": True, **self.claims,
            }  # fmt: skip
            signed = jwt.encode(
                {"alg": "RS256", "kid": "one"}, claims, self.signing_key or self.key
            )
            answer = {"access_token": "a", "token_type": "Bearer", "id_token": signed}
            return JSONResponse(answer)

        app.get("/.well-known/openid-configuration")(metadata)
        app.get("/authorize")(authorize)
        app.post("/token")(token)
        app.get("/keys")(lambda: {"keys": [self.key.as_dict(private=False)]})
        return app


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    found = Provider(free_port_base())
    server = uvicorn.Server(
        uvicorn.Config(found.app(), host="127.0.0.1", port=found.port, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, what="the OpenID provider", timeout=30)
    yield found
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def provider(running: Provider) -> Iterator[Provider]:
    """The provider, honest again after each test."""
    yield running
    running.claims = {}
    running.signing_key = None


@pytest.fixture
def settings(settings: Settings, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WEIR_PORTAL_OIDC_SECRET", "s3cret")
    update = {"portal_oidc_issuer": provider.issuer, "portal_oidc_client_id": "weir"}
    return settings.model_copy(update=update)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = portal_database(settings)
    Users(found).add(User(MAIL, reports=frozenset({"a"}), local=False))
    yield found
    Users(found).remove(MAIL)
    found.close()


@pytest.fixture
def browser(settings: Settings, database: Database) -> Iterator[TestClient]:
    app = create_app(settings, rows=TableRows())
    with TestClient(app, base_url=settings.portal_url, follow_redirects=False) as client:
        yield client


def at_provider(browser: TestClient, target: str = "/") -> str:
    """Go to the provider and sign in there; returns where it sends the browser back to."""
    import httpx

    started = browser.get("/openid/start", params={"next": target})
    answer = httpx.get(started.headers["location"], timeout=10)
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def test_sign_in_and_come_back(browser: TestClient) -> None:
    form = browser.get("/login").text
    assert "Password" not in form
    assert re.search(r'href="/openid/start\?next=', form)
    back = at_provider(browser, "/search?q=a")
    answer = browser.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=a")
    assert MAIL in browser.get("/").text
    # A code and a state work once.
    assert browser.get(back).status_code == 403


def test_a_person_is_known_by_the_subject_afterwards(
    browser: TestClient, provider: Provider, database: Database
) -> None:
    assert browser.get(at_provider(browser)).status_code == 303
    provider.claims = {"email": "anna.new@example.org"}
    assert browser.get(at_provider(browser)).status_code == 303
    # Somebody else who now has the address is somebody else.
    provider.claims = {"sub": "4712"}
    assert browser.get(at_provider(browser)).status_code == 403
    assert Audit(database).read(limit=1)[0].detail == "openid: not a user here"


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": "true"}])
def test_only_a_verified_address_counts(
    browser: TestClient, provider: Provider, claims: dict[str, object]
) -> None:
    provider.claims = claims
    assert browser.get(at_provider(browser)).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "other"}, {"aud": "other"}, {"iss": "https://evil.example"}, {"exp": 1_000_000}],
)
def test_a_token_for_something_else_is_refused(
    browser: TestClient, provider: Provider, claims: dict[str, object]
) -> None:
    provider.claims = claims
    assert browser.get(at_provider(browser)).status_code == 502
    assert browser.get("/").status_code == 303


def test_a_token_of_another_key_is_refused(browser: TestClient, provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "one"})
    assert browser.get(at_provider(browser)).status_code == 502
    assert browser.get("/").status_code == 303


def test_a_state_of_another_browser_is_refused(
    browser: TestClient, settings: Settings, database: Database
) -> None:
    back = at_provider(browser)
    browser.cookies.clear()
    assert browser.get(back).status_code == 403


def test_passwords_are_off(browser: TestClient) -> None:
    assert browser.post("/login", data={"name": "a", "password": "b"}).status_code == 404
