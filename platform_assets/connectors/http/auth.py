"""Who asks: the ways to say it in a configuration, and the headers that follow. Secrets by name."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from platform_assets.connectors.seam.reader import SourceRefusedError
from platform_assets.core.secrets import read_secret

_LEEWAY_SECONDS = 30.0
_TOKEN_SECONDS = 3600.0
_CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class _Auth(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NoAuth(_Auth):
    """Nobody in particular."""

    kind: Literal["none"] = "none"


class Basic(_Auth):
    """User and password."""

    kind: Literal["basic"]
    user: str
    password: str = Field(description="Name of the secret.")


class ApiKey(_Auth):
    """A key in a header or in the query."""

    kind: Literal["api_key"]
    secret: str = Field(description="Name of the secret.")
    name: str = Field(default="X-API-Key", description="Of the header or parameter.")
    place: Literal["header", "query"] = "header"
    prefix: str = Field(default="", description="Before the key: `Token `.")


class Bearer(_Auth):
    """A token that does not change."""

    kind: Literal["bearer"]
    secret: str = Field(description="Name of the secret.")


class _OAuth(_Auth):
    token_url: str = Field(pattern=r"^https?://")
    client_id: str = ""
    client_secret: str = Field(default="", description="Name of the secret.")
    scope: str = ""
    style: Literal["basic", "post"] = Field(
        default="basic", description="Where the token request says who asks."
    )
    extra: Mapping[str, str] = Field(
        default_factory=dict, description="Of the token request: audience, resource."
    )


class ClientCredentials(_OAuth):
    """OAuth 2.0, client credentials (RFC 6749, 4.4)."""

    kind: Literal["client_credentials"]


class RefreshToken(_OAuth):
    """OAuth 2.0, a refresh token that somebody once consented to (RFC 6749, 6)."""

    kind: Literal["refresh_token"]
    refresh_token: str = Field(description="Name of the secret.")


class JwtBearer(_OAuth):
    """OAuth 2.0, a signed assertion (RFC 7523): as the grant, or in place of a client's secret."""

    kind: Literal["jwt_bearer"]
    use: Literal["grant", "client"] = "grant"
    issuer: str
    key: str = Field(description="Name of the secret: a private key in PEM.")
    key_id: str = ""
    subject: str = ""
    audience: str = Field(default="", description="By default the token's address.")
    algorithm: Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"] = "RS256"
    claims: Mapping[str, str] = Field(default_factory=dict)


Auth = Annotated[
    NoAuth | Basic | ApiKey | Bearer | ClientCredentials | RefreshToken | JwtBearer,
    Field(discriminator="kind"),
]


@dataclass
class Tokens:
    """What a token endpoint gave; kept for a source as long as the process lives.

    Attributes:
        access: the token; empty: none yet.
        until: of the monotonic clock.
        refresh: the newest refresh token, where the other side changes it.
    """

    access: str = ""
    until: float = 0.0
    refresh: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


Post = Callable[[str, bytes, Mapping[str, str]], tuple[int, bytes]]
"""Posts a form to a token endpoint: status and body."""


class Credentials:
    """The headers and parameters that say who asks.

    Args:
        source: its name.
        auth: as configured.
        tokens: that the source already has.
        post: to the token endpoint.
    """

    def __init__(self, source: str, auth: Auth, tokens: Tokens, post: Post) -> None:
        self._source, self._auth, self._tokens, self._post = source, auth, tokens, post

    @property
    def parameter(self) -> str:
        """The query's parameter that holds a secret; empty: none does."""
        auth = self._auth
        return auth.name if isinstance(auth, ApiKey) and auth.place == "query" else ""

    def headers(self) -> dict[str, str]:
        """Of a request to the source's own host.

        Raises:
            SecretError: a secret is missing.
            SourceRefusedError: the token endpoint refuses.
            SourceAwayError: it does not answer.
        """
        made = self._headers()
        if any("\n" in value or "\r" in value or not value.isascii() for value in made.values()):
            raise SourceRefusedError(
                f"source {self._source}: the secret cannot be sent as a header",
                "it holds a line's end, or letters that are not ASCII",
            )
        return made

    def _headers(self) -> dict[str, str]:
        from base64 import b64encode

        auth = self._auth
        if isinstance(auth, Basic):
            pair = f"{auth.user}:{read_secret(auth.password)}".encode()
            return {"Authorization": f"Basic {b64encode(pair).decode()}"}
        if isinstance(auth, ApiKey) and auth.place == "header":
            return {auth.name: f"{auth.prefix}{read_secret(auth.secret)}"}
        if isinstance(auth, Bearer):
            return {"Authorization": f"Bearer {read_secret(auth.secret)}"}
        if isinstance(auth, _OAuth):
            return {"Authorization": f"Bearer {self._token()}"}
        return {}

    def params(self) -> dict[str, str]:
        """Of the query of such a request."""
        auth = self._auth
        if isinstance(auth, ApiKey) and auth.place == "query":
            return {auth.name: f"{auth.prefix}{read_secret(auth.secret)}"}
        return {}

    def renew(self) -> bool:
        """Forget the token that was refused; whether another can be had."""
        if not isinstance(self._auth, _OAuth):
            return False
        with self._tokens.lock:
            self._tokens.access = ""
        return True

    def _token(self) -> str:
        tokens = self._tokens
        with tokens.lock:
            if not tokens.access or time.monotonic() > tokens.until:
                answer = self._ask()
                seconds = float(answer.get("expires_in") or _TOKEN_SECONDS)
                tokens.access = str(answer["access_token"])
                tokens.until = time.monotonic() + max(1.0, seconds - _LEEWAY_SECONDS)
                tokens.refresh = str(answer.get("refresh_token") or tokens.refresh)
            return tokens.access

    def _ask(self) -> dict[str, Any]:
        from urllib.parse import urlencode

        from authlib.oauth2.auth import ClientAuth

        auth = self._auth
        assert isinstance(auth, _OAuth)  # noqa: S101 - for the type checker
        form = {**self._grant(), **({"scope": auth.scope} if auth.scope else {}), **auth.extra}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        url, body = auth.token_url, urlencode(form)
        if auth.client_id:
            secret = read_secret(auth.client_secret) if auth.client_secret else ""
            style = f"client_secret_{auth.style}" if secret else "none"
            client = ClientAuth(auth.client_id, secret, style)
            url, headers, body = client.prepare("POST", url, headers, body)
        status, content = self._post(url, body.encode(), headers)
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if status == 200 and isinstance(answer, dict) and answer.get("access_token"):
            return answer
        reason = ""
        if isinstance(answer, dict):
            parts = (answer.get("error"), answer.get("error_description"))
            reason = ": " + ", ".join(str(part) for part in parts if part)
        raise SourceRefusedError(
            f"source {self._source}: {auth.token_url} gives no token ({status}{reason})",
            "check client, secrets and scope; a refresh token may have been revoked",
        )

    def _grant(self) -> dict[str, str]:
        auth = self._auth
        if isinstance(auth, RefreshToken):
            held = self._tokens.refresh or read_secret(auth.refresh_token)
            return {"grant_type": "refresh_token", "refresh_token": held}
        if isinstance(auth, JwtBearer):
            signed = self._assertion(auth)
            if auth.use == "grant":
                return {"grant_type": _JWT_BEARER, "assertion": signed}
            return {
                "grant_type": "client_credentials",
                "client_assertion_type": _CLIENT_ASSERTION,
                "client_assertion": signed,
            }
        return {"grant_type": "client_credentials"}

    def _assertion(self, auth: JwtBearer) -> str:
        import uuid

        from joserfc import jwk, jwt
        from joserfc.errors import JoseError

        now = int(time.time())
        claims = {
            "iss": auth.issuer,
            "sub": auth.subject or auth.issuer,
            "aud": auth.audience or auth.token_url,
            "iat": now,
            "exp": now + 300,
            "jti": uuid.uuid4().hex,
            **({"scope": auth.scope} if auth.scope else {}),
            **auth.claims,
        }
        header = {"alg": auth.algorithm, "typ": "JWT"} | (
            {"kid": auth.key_id} if auth.key_id else {}
        )
        kind = "EC" if auth.algorithm.startswith("ES") else "RSA"
        try:
            pem = read_secret(auth.key)
            key: Any = jwk.import_key(pem, "EC") if kind == "EC" else jwk.import_key(pem, "RSA")
        except (ValueError, JoseError):
            raise SourceRefusedError(
                f"source {self._source}: {auth.key} holds no {kind} key in PEM",
                f"{auth.algorithm} signs with a private {kind} key",
            ) from None
        return jwt.encode(header, claims, key, algorithms=[auth.algorithm])
