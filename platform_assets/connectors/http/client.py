"""The client of connectors over HTTP: paced, guarded, retried, and told as connector errors."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from platform_assets.connectors.http.auth import Auth, Credentials, NoAuth, Tokens
from platform_assets.connectors.http.pace import Pace, spent
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.core.retry import HTTP_MAY_PASS, Retry

if TYPE_CHECKING:
    import httpx

_REDIRECTS = 5
_LARGEST = 128 * 1024 * 1024
_TOTAL_TIMEOUTS = 10
_SHOWN = 200
_TOO_MANY: Final = 429
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class HttpConfig(BaseModel):
    """Where an API is, as whom it is asked and how fast.

    Attributes:
        base_url: without user, password or key.
        auth: who asks.
        headers: of every request; no secrets.
        requests_per_second: at most; what the answers' headers ask for is obeyed in any case.
        burst: requests that may go at once after a rest.
        timeout_seconds: of each step of a request; a whole answer takes ten times that at most.
        attempts: of a request that fails at the source or on the way.
        longest_pause_seconds: what a read waits for at most when the source asks for a pause;
            where it asks for more, the read ends and a later one goes on.
    """

    model_config = ConfigDict(extra="forbid")
    COUNTS_REQUESTS: ClassVar[bool] = True

    base_url: str
    auth: Auth = NoAuth()
    headers: Mapping[str, str] = Field(default_factory=dict)
    requests_per_second: float | None = Field(default=None, gt=0, le=10_000)
    burst: int = Field(default=1, ge=1, le=10_000)
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    attempts: int = Field(default=5, ge=1, le=20)
    longest_pause_seconds: float = Field(default=60, ge=0, le=3600)

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(value)
            good = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            raise ValueError("expected an address that begins with https:// or http://")
        if parts.username or parts.password:
            raise ValueError("expected an address without user and password: use `auth`")
        return value


class StatusError(ConnectorError):
    """The source answers with an error that stays.

    Attributes:
        status: of the answer.
    """

    def __init__(self, message: str, status: int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


class PassingError(SourceAwayError):
    """An answer, or none, after which the source may be asked again."""


@dataclass
class Known:
    """What a process knows about a source between two reads."""

    pace: Pace
    tokens: Tokens = field(default_factory=Tokens)


_KNOWN: dict[tuple[str, str], Known] = {}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """A good answer.

    Attributes:
        url: without its query, for people.
        headers: names in lower case.
        body: its bytes.
        status: of HTTP.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int = 200

    def json(self, where: str) -> Any:
        """Its body as JSON.

        Args:
            where: source and stream, for errors.

        Raises:
            ConnectorError: it is none.
        """
        try:
            return json.loads(self.body, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "no type")
            raise ConnectorError(
                f"{where}: {self.url}: the answer is no JSON ({kind}): {error}",
                "is it the right address, and does the answer need a header such as Accept?",
            ) from None


Good = Callable[[int, Mapping[str, str], bytes], bool]
"""Tells by status, headers (names in lower case) and body whether an answer is good."""


class HttpClient:
    """Asks one API; safe to share between threads.

    Args:
        config: where, who, how fast.
        context: of the reader.
    """

    def __init__(self, config: HttpConfig, context: Context) -> None:
        import httpx

        from platform_assets.connectors.http.address import GuardedTransport
        from platform_assets.connectors.seam.addresses import networks

        self._config, self._source, self._stop = config, context.source, context.stop
        self._requests, self.base = context.requests, httpx.URL(config.base_url)
        self._known = _known(context.source, config)
        self._credentials = Credentials(
            context.source, config.auth, self._known.tokens, self._post_form
        )
        allowed = networks(context.settings.source_networks)
        transport = GuardedTransport(allowed, _authorities())
        self._client = httpx.Client(
            transport=transport,
            timeout=config.timeout_seconds,
            headers={"User-Agent": "weir", "Accept": "application/json", **config.headers},
        )
        self._retry = Retry(attempts=config.attempts, seconds=300, pause=0.5, longest=20)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def credential_headers(self) -> dict[str, str]:
        """The headers that say who asks, for another protocol of the same source.

        Raises:
            SourceRefusedError, SourceAwayError: as :meth:`ask`.
        """
        return self._credentials.headers()

    def renew(self) -> bool:
        """Forget the token, as it was refused; whether another can be had."""
        return self._credentials.renew()

    def url(self, path: str) -> httpx.URL:
        """An address below the base, or a whole one as it is."""
        import httpx

        try:
            if path.startswith(("http://", "https://")):
                return httpx.URL(path)
            if path.startswith(("?", "/")) and self._config.base_url.count("/") == 2:
                return self.base.join(path)
            base = str(self.base.copy_with(query=None)).rstrip("/")
            return httpx.URL(f"{base}/{path.lstrip('/')}" if path else base)
        except httpx.InvalidURL as error:
            raise ConnectorError(f"source {self._source}: {path[:80]!r}: {error}") from None

    def linked(self, answer: Answer, link: str) -> str:
        """The address of a link in an answer, without the parameter that holds the key.

        Raises:
            ConnectorError: it is no address.
        """
        import httpx

        try:
            url = self.url(answer.url).join(link)
        except httpx.InvalidURL as error:
            # Without the link: a key may be in it.
            raise ConnectorError(
                f"source {self._source}: {answer.url}: a link in the answer: {error}"
            ) from None
        name = self._credentials.parameter
        return str(url.copy_remove_param(name) if name else url)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        good: Good | None = None,
    ) -> Answer:
        """Ask until there is a good answer.

        Args:
            path: below the base, or a whole address; credentials go to the base's host only.
            method: of HTTP.
            params: added to the query.
            body: bytes.
            headers: beside those of every request.
            good: tells answers that are good beside those of 2xx.

        Raises:
            SourceAwayError: it fails or asks for pauses, again and again.
            SourceRefusedError: it refuses who asks.
            StatusError: any other answer that is not good.
            ConnectorError: an internal address, too many redirects, an answer that is too large.
            StoppedError: the read is asked to end.
        """
        url = self.url(path)
        if params:
            url = url.copy_merge_params({name: _text(value) for name, value in params.items()})
        retrying = self._retry.on(PassingError).copy(sleep=self._pause)
        found: Answer = retrying(self._ask, url, method, body, dict(headers or {}), good)
        return found

    def _ask(
        self,
        url: httpx.URL,
        method: str,
        body: bytes | None,
        headers: dict[str, str],
        good: Good | None,
    ) -> Answer:
        renewed = False
        for _ in range(_REDIRECTS + 1):
            own = _origin(url) == _origin(self.base)
            sent, target = dict(headers), url
            if own:
                sent |= self._credentials.headers()
                if given := self._credentials.params():
                    target = url.copy_merge_params(given)
            status, heard, content = self._send(target, method, body, sent)
            if status in _MOVED and "location" in heard:
                url = url.join(heard["location"])
                if status in (301, 302, 303) and method != "HEAD":
                    method, body = "GET", None
                continue
            if status == 401 and own and not renewed and self._credentials.renew():
                renewed = True
                continue
            shown = _shown(url)
            if 200 <= status < 300 or (good and good(status, heard, content)):
                return Answer(shown, heard, content, status)
            raise self._judged(shown, status, heard, content)
        raise ConnectorError(
            f"source {self._source}: {_shown(url)}: more than {_REDIRECTS} redirects",
            "name the address that they lead to",
        )

    def _send(
        self, url: httpx.URL, method: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """One request: status, headers and body of the answer."""
        import httpx

        self._known.pace.wait(self._stop)
        self._requests.add()
        deadline = time.monotonic() + self._config.timeout_seconds * _TOTAL_TIMEOUTS
        content = bytearray()
        try:
            with self._client.stream(method, url, content=body, headers=headers) as answer:
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > _LARGEST:
                        raise ConnectorError(
                            f"source {self._source}: {_shown(url)}: an answer of more than "
                            f"{_LARGEST:,} bytes",
                            "ask for smaller pages",
                        )
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer does not end")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ConnectorError(f"source {self._source}: {_shown(url)}: {error}") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            self._known.pace.failed()
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ConnectorError(
                    f"source {self._source}: {_shown(url)}: {error}",
                    "SSL_CERT_FILE names further authorities",
                ) from None
            raise PassingError(
                f"source {self._source}: {_shown(url)} does not answer: "
                f"{error or type(error).__name__}",
                "it is tried again at the next read",
            ) from None
        heard = {name.lower(): value for name, value in answer.headers.items()}
        limited = _limited(answer.status_code, heard)
        self._known.pace.heard(heard, refused=limited or answer.status_code == 503)
        if answer.status_code in HTTP_MAY_PASS and not limited:
            self._known.pace.failed()
        else:
            self._known.pace.went_well()
        return answer.status_code, heard, bytes(content)

    def _judged(
        self, shown: str, status: int, heard: Mapping[str, str], content: bytes
    ) -> ConnectorError:
        said = " ".join(content[: 4 * _SHOWN].decode(errors="replace").split())[:_SHOWN]
        told = f"source {self._source}: {shown} answers {status}{f': {said}' if said else ''}"
        if status in HTTP_MAY_PASS or _limited(status, heard):
            return PassingError(told, "it is tried again at the next read")
        if status in (401, 403):
            return SourceRefusedError(told, "check the credentials and their rights")
        return StatusError(told, status)

    def _post_form(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        import httpx

        target = httpx.URL(url)
        status, heard, content = self._send(target, "POST", body, headers)
        if status in HTTP_MAY_PASS:
            raise self._judged(_shown(target), status, heard, b"")
        return status, content

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context()


def _known(source: str, config: HttpConfig) -> Known:
    with _LOCK:
        key = (source, config.model_dump_json())
        if key not in _KNOWN:
            pace = Pace(
                source, config.requests_per_second, config.burst, config.longest_pause_seconds
            )
            _KNOWN[key] = Known(pace)
        return _KNOWN[key]


def _limited(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer says that there were too many requests; some say it with 403."""
    return status == _TOO_MANY or (status == 403 and ("retry-after" in headers or spent(headers)))


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, port


def _shown(url: httpx.URL) -> str:
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")
