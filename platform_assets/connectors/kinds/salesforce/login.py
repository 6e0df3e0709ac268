"""Who asks a Salesforce org, and how much of its day may be used up.

Belongs here: what all types for Salesforce share. Does not belong here: any one of its APIs.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from platform_assets.connectors.http.client import Answer, HttpClient, HttpConfig
from platform_assets.connectors.seam.reader import Context, SourceAwayError, SourceRefusedError

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_REST_SECONDS = 900.0
_RESTING: dict[str, tuple[float, str]] = {}
_LOCK = threading.Lock()
_DAY_IS_SPENT = "REQUEST_LIMIT_EXCEEDED"


class _Login(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ClientLogin(_Login):
    """An integration user, by OAuth 2.0 client credentials."""

    kind: Literal["client_credentials"]
    client_id: str
    """Consumer key of the connected app."""
    client_secret: str
    """Name of the secret."""


class SignedLogin(_Login):
    """A user that an administrator approved, by OAuth 2.0 JWT bearer."""

    kind: Literal["jwt_bearer"]
    client_id: str
    """Consumer key of the connected app."""
    user: str
    """User name."""
    key: str
    """Name of the secret: the private key of the app's certificate, in PEM."""
    audience: str = "https://login.salesforce.com"
    """`https://test.salesforce.com` for a sandbox."""


class ConsentedLogin(_Login):
    """A user who once consented, by OAuth 2.0 refresh token."""

    kind: Literal["refresh_token"]
    client_id: str
    """Consumer key of the connected app."""
    client_secret: str = ""
    """Name of the secret."""
    refresh_token: str
    """Name of the secret."""


Login = Annotated[ClientLogin | SignedLogin | ConsentedLogin, Field(discriminator="kind")]

_USUAL = (
    "Account", "Contact", "Lead", "Opportunity", "OpportunityLineItem", "Product2", "Order",
    "OrderItem", "Case", "Campaign", "CampaignMember", "Task", "Event", "User",
)  # fmt: skip


class OrgConfig(BaseModel):
    """An org, and who asks it."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "instance": "https://acme.my.salesforce.com",
                    "login": {
                        "kind": "client_credentials",
                        "client_id": "3MVG9...",
                        "client_secret": "SALESFORCE_SECRET",
                    },
                }
            ]
        },
    )
    COUNTS_REQUESTS: ClassVar[bool] = True

    instance: str
    """Address of its domain: `https://acme.my.salesforce.com`."""
    login: Login
    """Who asks."""
    api_version: str = Field(default="62.0", pattern=r"^\d{2,3}\.0$")
    """Of the API."""
    daily_share: float = Field(default=0.8, gt=0, le=1)
    """Share of the org's API requests of a day after which no more are made: others need some."""
    requests_per_second: float | None = Field(default=None, gt=0, le=100)
    """Requests at most."""
    timeout_seconds: float = Field(default=60, gt=0, le=600)
    """Of each step of a request."""
    attempts: int = Field(default=5, ge=1, le=20)
    """Of a request that fails at the source or on the way."""
    longest_pause_seconds: float = Field(default=60, ge=0, le=3600)
    """What a read waits for at most when Salesforce asks for a pause."""

    @field_validator("instance")
    @classmethod
    def _is_url(cls, value: str) -> str:
        return HttpConfig(base_url=value).base_url.rstrip("/")

    @property
    def http(self) -> HttpConfig:
        """For the HTTP client."""
        return HttpConfig.model_validate(
            {
                "base_url": f"{self.instance}/services/data/v{self.api_version}",
                "auth": self._auth(),
                "requests_per_second": self.requests_per_second,
                "timeout_seconds": self.timeout_seconds,
                "attempts": self.attempts,
                "longest_pause_seconds": self.longest_pause_seconds,
            }
        )

    def _auth(self) -> dict[str, str]:
        one = self.login
        made = {"kind": one.kind, "token_url": f"{self.instance}/services/oauth2/token"}
        if isinstance(one, SignedLogin):
            return made | {
                "issuer": one.client_id,
                "subject": one.user,
                "audience": one.audience,
                "key": one.key,
            }
        made |= {"client_id": one.client_id, "client_secret": one.client_secret, "style": "post"}
        if isinstance(one, ConsentedLogin):
            made["refresh_token"] = one.refresh_token
        return made


class SalesforceConfig(OrgConfig):
    """An org whose objects are read."""

    objects: tuple[str, ...] = _USUAL
    """Objects that `discover` describes beside those of the streams."""


class Org:
    """Asks one org; every answer tells how much of the day's requests is used up.

    Args:
        config: of the source.
        context: of the reader.
    """

    def __init__(self, config: OrgConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.client = HttpClient(config.http, context)

    def ask(self, path: str, **asked: Any) -> Answer:
        """See :meth:`...http.client.HttpClient.ask`.

        Raises:
            SourceAwayError: also where the day's share of requests is used up.
        """
        self._rest()
        try:
            answer = self.client.ask(path, **asked)
        except SourceRefusedError as error:
            if _DAY_IS_SPENT not in str(error):
                raise
            told = f"source {self.context.source}: the org has no API requests left for today"
            self._tire(told)
            raise SourceAwayError(told, "it is asked again in 15 minutes") from error
        self._heard(answer.headers)
        return answer

    def json(self, path: str, where: str, **asked: Any) -> Any:
        """The answer's JSON; see :meth:`ask`."""
        return self.ask(path, **asked).json(where)

    def parting(self) -> Org:
        """One that still asks when the read was told to end: to give back what it holds there."""
        brief = self.config.model_copy(update={"attempts": 1, "timeout_seconds": 5.0})
        return Org(brief, replace(self.context, stop=threading.Event()))

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()

    def _heard(self, headers: Mapping[str, str]) -> None:
        found = _USAGE.search(headers.get("sforce-limit-info", ""))
        if found is None:
            return
        used, allowed = int(found[1]), int(found[2])
        if used >= allowed * self.config.daily_share:
            self._tire(
                f"source {self.context.source}: {used:,} of the org's {allowed:,} API requests of "
                f"24 hours are used up; `daily_share` leaves the rest to others"
            )

    def _tire(self, told: str) -> None:
        with _LOCK:
            _RESTING[self.config.instance] = (time.monotonic() + _REST_SECONDS, told)

    def _rest(self) -> None:
        with _LOCK:
            until, told = _RESTING.get(self.config.instance, (0.0, ""))
        if (left := until - time.monotonic()) > 0:
            raise SourceAwayError(told, f"it is asked again in {left:.0f} s")
