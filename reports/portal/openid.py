"""Signing in at an OpenID provider: authorization code with PKCE."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from platform_assets.core.errors import WeirError
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import find_secret
from platform_assets.core.settings import Settings
from reports.portal.sessions import Attempt

CALLBACK = "/openid/callback"
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Asymmetric only: with HS256 whoever knows the client's secret could sign."""
_LEEWAY_SECONDS = 60
_TIMEOUT_SECONDS = 10


class OpenIdError(WeirError):
    """The provider does not answer, or what it says does not hold."""


@dataclass(frozen=True)
class Identity:
    """Whom the provider vouches for.

    Attributes:
        subject: issuer and subject, which together name a person for ever.
        email: the address, if the provider says that it is verified; else empty.
    """

    subject: str
    email: str


class OpenIdProvider:
    """The provider of ``settings.portal_oidc_issuer``.

    Raises:
        OpenIdError: the client's id or secret is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.portal_oidc_issuer.rstrip("/")
        self._client_id = settings.portal_oidc_client_id
        self._secret = find_secret(settings.portal_oidc_secret_name) or ""
        self._redirect = settings.portal_url.rstrip("/") + CALLBACK
        missing = [
            name
            for name, value in {
                "WEIR_PORTAL_OIDC_CLIENT_ID": self._client_id,
                settings.portal_oidc_secret_name: self._secret,
                "WEIR_PORTAL_URL": settings.portal_url,
            }.items()
            if not value
        ]
        if missing:
            raise OpenIdError(
                f"signing in at {self._issuer} lacks {', '.join(missing)}",
                "set it, or unset WEIR_PORTAL_OIDC_ISSUER",
            )

    def begin(self, next_path: str) -> tuple[str, str, Attempt]:
        """Where to send the browser, the state that it brings back, and what to remember.

        Raises:
            OpenIdError: the provider does not answer.
        """
        attempt = Attempt(generate_token(32), generate_token(64), next_path)
        endpoint = self._metadata["authorization_endpoint"]
        with self._client() as client:
            url, state = client.create_authorization_url(
                endpoint, code_verifier=attempt.verifier, nonce=attempt.nonce
            )
        return url, state, attempt

    def finish(self, code: str, attempt: Attempt) -> Identity:
        """Change the code for an ID token and check it.

        The exchange is not repeated: a code may be used once.

        Raises:
            OpenIdError: the provider does not answer or refuses, or the token does not hold.
        """
        try:
            with self._client() as client:
                token = client.fetch_token(
                    self._metadata["token_endpoint"], code=code, code_verifier=attempt.verifier
                )
            keys = KeySet.import_key_set({"keys": _get(self._metadata["jwks_uri"])["keys"]})
            signed = jwt.decode(
                token["id_token"],
                key=keys,
                registry=JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False),
            )
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                {
                    "iss": {"essential": True, "value": self._metadata["issuer"]},
                    "aud": {"essential": True, "value": self._client_id},
                },
                {
                    "nonce": attempt.nonce,
                    "client_id": self._client_id,
                    "access_token": token["access_token"],
                },
            )
            claims.validate(leeway=_LEEWAY_SECONDS)
        except (AuthlibBaseError, JoseError, httpx.HTTPError, KeyError, ValueError) as error:
            raise OpenIdError(
                f"signing in at {self._issuer} failed: {type(error).__name__}",
                "sign in again",
            ) from error
        verified = str(claims.get("email", "")) if claims.get("email_verified") is True else ""
        return Identity(f"{claims['iss']} {claims['sub']}", verified)

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        try:
            found = _get(f"{self._issuer}/.well-known/openid-configuration")
        except (httpx.HTTPError, ValueError) as error:
            raise OpenIdError(
                f"the OpenID provider {self._issuer} does not answer", "try again in a minute"
            ) from error
        # Else one provider could speak in another's name (OpenID Connect Discovery, 4.3).
        if str(found.get("issuer", "")).rstrip("/") != self._issuer:
            raise OpenIdError(
                f"the OpenID provider {self._issuer} calls itself {found.get('issuer')}",
                "set WEIR_PORTAL_OIDC_ISSUER to exactly what it calls itself",
            )
        return found

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._client_id,
            self._secret,
            redirect_uri=self._redirect,
            scope="openid email",
            code_challenge_method="S256",
            timeout=_TIMEOUT_SECONDS,
        )


@Retry(3, longest=2).on(httpx.TransportError).wraps
def _get(url: str) -> dict[str, Any]:
    answer = httpx.get(url, timeout=_TIMEOUT_SECONDS).raise_for_status()
    content: dict[str, Any] = answer.json()
    return content
