"""What protects every page, whoever asks."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from platform_assets.core.gate import Gate, Refusal

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content Security Policy of the pages: scripts, styles and pictures of our own files only."""
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Of an SVG, which carries its styles inside and runs nothing."""
FRAME_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
"""Of a document with scripts inside that others made: it has no origin and loads nothing."""
PAGE_WITH_FRAME_POLICY = f"{POLICY}; frame-src 'self'"
"""Of the page around it."""
STREAMING_POLICY = f"{POLICY}; connect-src 'self'"
"""Of a page whose script hears of news."""

BODIES = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
"""Bodies that the portal takes: forms, and questions of programs."""
_FOREIGN_FORM = "The form came from another site or is too old. Open the page again."
_MAX_BODY = 16 * 1024
"""Bytes of the largest form."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


class Shield:
    """Adds the headers to every answer; refuses large bodies and what the gate refuses.

    Args:
        app: what it protects.
        gate: knows the portal's names and which pages may send forms.
        https: whether readers come by HTTPS, so that browsers may be told to insist on it.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, https: bool) -> None:
        self._app, self._gate = app, gate
        self._headers = dict(_HEADERS)
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        too_large = Refusal(413, "too large") if _too_large(Headers(scope=scope)) else None
        refusal = too_large or self._gate.refusal(scope)
        if refusal is not None:
            text = _FOREIGN_FORM if refusal.status == 403 else refusal.message
            answer = PlainTextResponse(text, refusal.status)
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def same_token(given: str, expected: str) -> bool:
    """Whether a form's token is right; takes equally long for every wrong one."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def _too_large(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    # Browsers state the length of a form; without it nothing would bound what is read.
    if "transfer-encoding" in headers:
        return True
    return not length.isdecimal() or int(length) > _MAX_BODY
