"""Who sent a delivery: the signature schemes of webhooks, all of them an HMAC over the body.

Belongs here: where each scheme keeps signature, moment, id and event type, and the check. Does
not belong here: HTTP, answers, rows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Headers = Mapping[str, str]
"""By name in lower case."""

LONGEST_ID = 256


class SignatureError(Exception):
    """A delivery that nobody who knows a secret has sent, or not lately; says which rule."""


class Scheme(BaseModel):
    """How a sender signs, and where it says what it sent.

    Attributes:
        signature_header: holds the signature, or several.
        encoding: of a signature; ``plain``: the header is the secret itself, nothing is signed.
        algorithm: of the HMAC.
        separator: between several signatures.
        prefix: of a signature; what stands there without it is no signature.
        timestamp_header: holds the moment of sending, in seconds since 1970.
        timestamp_prefix: the moment is a part of the signature header, after this.
        signed: what is signed, of ``{id}``, ``{timestamp}`` and ``{body}``.
        key_format: of the secret: ``text``; or ``base64``, after ``whsec_`` where that is there; or
            ``basic``: the password of ``user``, as HTTP's basic authentication has it.
        user: of basic authentication.
        id_header, id_field: the header, or the body's top-level field, that names the delivery and
            is the same when it is sent again; without one, equal bodies are one delivery.
        type_header, type_field: the same for the type of the event; ``a.b`` reaches into objects.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    signature_header: str = Field(min_length=1)
    encoding: Literal["hex", "base64", "plain"] = "hex"
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    separator: str = ""
    prefix: str = ""
    timestamp_header: str = ""
    timestamp_prefix: str = ""
    signed: str = "{body}"
    key_format: Literal["text", "base64", "basic"] = "text"
    user: str = ""
    id_header: str = ""
    id_field: str = ""
    type_header: str = ""
    type_field: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Scheme:
        if (self.key_format == "basic") != bool(self.user):
            raise ValueError("expected `user` with `key_format: basic`, and only there")
        if self.encoding == "plain":
            return self
        if self.signed.count("{body}") != 1:
            raise ValueError("expected `signed` to hold {body} once")
        left = self.signed.replace("{body}", "").replace("{id}", "").replace("{timestamp}", "")
        if "{" in left or "}" in left:
            raise ValueError("expected `signed` to hold no braces but {id}, {timestamp}, {body}")
        timed = bool(self.timestamp_header or self.timestamp_prefix)
        if timed != ("{timestamp}" in self.signed):
            raise ValueError(
                "expected {timestamp} in `signed` and a header or prefix of it, or neither: a "
                "moment that is not signed proves nothing"
            )
        if "{id}" in self.signed and not self.id_header:
            raise ValueError("expected `id_header`, as {id} is signed")
        return self

    def key(self, secret: str) -> bytes:
        """The key that a secret stands for.

        Raises:
            ValueError: it is not of this scheme's shape.
        """
        if self.key_format == "text":
            return secret.encode()
        if self.key_format == "basic":
            return base64.b64encode(f"{self.user}:{secret}".encode())
        text = secret.removeprefix("whsec_")
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            raise ValueError("expected base64, as in whsec_MfKQ9r8G...") from None
        if not key:
            raise ValueError("expected a secret that is not empty")
        return key

    def verify(
        self, headers: Headers, body: bytes, keys: Sequence[bytes], now: float, tolerance: float
    ) -> None:
        """See that the sender knows one of the keys, and sent this now.

        Args:
            headers: of the request.
            body: its bytes as they came.
            keys: any of them will do, so that secrets can be rotated.
            now: seconds since 1970.
            tolerance: seconds that the signed moment may differ from it.

        Raises:
            SignatureError: it does not.
        """
        given = headers.get(self.signature_header.lower(), "")
        if not given:
            raise SignatureError(f"no header {self.signature_header}")
        parts = given.split(self.separator) if self.separator else [given]
        parts = [part.strip() for part in parts]
        moment = self._moment(headers, parts)
        if moment is not None:
            self._in_time(moment, now, tolerance)
        found = [
            signature
            for part in parts
            if part.startswith(self.prefix)
            and (signature := self._decoded(part.removeprefix(self.prefix))) is not None
        ]
        if not found:
            raise SignatureError(f"no signature in {self.signature_header}")
        for key in keys:
            wanted = key
            if self.encoding != "plain":
                message = self._message(headers, moment or "", body)
                wanted = hmac.new(key, message, getattr(hashlib, self.algorithm)).digest()
            if any(hmac.compare_digest(wanted, one) for one in found):
                return
        raise SignatureError("the signature is of no secret of this source")

    def delivery_id(self, headers: Headers, document: Any, body: bytes) -> str:
        """The delivery's id; a digest of the body where the sender gives none.

        Raises:
            ValueError: it is longer than :data:`LONGEST_ID`.
        """
        found = headers.get(self.id_header.lower(), "") if self.id_header else ""
        found = found or _field(document, self.id_field)
        if len(found) > LONGEST_ID:
            raise ValueError(f"an id of {len(found)} characters; at most {LONGEST_ID} are taken")
        return found or f"sha256:{hashlib.sha256(body).hexdigest()}"

    def event_type(self, headers: Headers, document: Any) -> str | None:
        """The type of the event, where the sender says."""
        found = headers.get(self.type_header.lower(), "") if self.type_header else ""
        return found or _field(document, self.type_field) or None

    def _moment(self, headers: Headers, parts: list[str]) -> str | None:
        if self.timestamp_header:
            if not (moment := headers.get(self.timestamp_header.lower(), "")):
                raise SignatureError(f"no header {self.timestamp_header}")
            return moment
        if self.timestamp_prefix:
            for part in parts:
                if part.startswith(self.timestamp_prefix):
                    return part.removeprefix(self.timestamp_prefix)
            raise SignatureError(f"no {self.timestamp_prefix}... in {self.signature_header}")
        return None

    @staticmethod
    def _in_time(moment: str, now: float, tolerance: float) -> None:
        if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
            raise SignatureError("its moment is no number of seconds")
        age = now - int(moment)
        if abs(age) > tolerance:
            when = "ago" if age > 0 else "ahead"
            raise SignatureError(
                f"signed {abs(age):.0f} s {when}; at most {tolerance:g} s are allowed"
            )

    def _message(self, headers: Headers, moment: str, body: bytes) -> bytes:
        before, _, after = self.signed.partition("{body}")
        identity = headers.get(self.id_header.lower(), "") if self.id_header else ""

        def filled(text: str) -> bytes:
            return text.replace("{timestamp}", moment).replace("{id}", identity).encode()

        return filled(before) + body + filled(after)

    def _decoded(self, signature: str) -> bytes | None:
        try:
            if self.encoding == "hex":
                return bytes.fromhex(signature)
            if self.encoding == "base64":
                return base64.b64decode(signature, validate=True)
            return signature.encode()
        except ValueError:
            return None


SCHEMES: Final = {
    "standard": Scheme(
        signature_header="webhook-signature", encoding="base64", separator=" ", prefix="v1,",
        timestamp_header="webhook-timestamp", signed="{id}.{timestamp}.{body}", key_format="base64",
        id_header="webhook-id", type_field="type",
    ),
    "github": Scheme(
        signature_header="x-hub-signature-256", prefix="sha256=",
        id_header="x-github-delivery", type_header="x-github-event",
    ),
    "stripe": Scheme(
        signature_header="stripe-signature", separator=",", prefix="v1=", timestamp_prefix="t=",
        signed="{timestamp}.{body}", id_field="id", type_field="type",
    ),
    "shopify": Scheme(
        signature_header="x-shopify-hmac-sha256", encoding="base64",
        id_header="x-shopify-webhook-id", type_header="x-shopify-topic",
    ),
    "slack": Scheme(
        signature_header="x-slack-signature", prefix="v0=",
        timestamp_header="x-slack-request-timestamp", signed="v0:{timestamp}:{body}",
        id_field="event_id", type_field="event.type",
    ),
}  # fmt: skip
"""Standard Webhooks, and those of senders who had one before it."""


def _field(document: Any, path: str) -> str:
    """A field of the body as text; empty where it is missing or no scalar."""
    if not path:
        return ""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return str(document) if isinstance(document, (str, int)) else ""
