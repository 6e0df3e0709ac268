"""``python -m platform_assets.graph.webserver``: Dagster's web server behind Weir's gate.

Dagster's own takes a mutation from whoever asks: also by GET, as plain text and over a web socket
of another site's page, so a page that somebody reads could launch runs.
"""

from __future__ import annotations

from dagster_webserver.cli import cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from platform_assets.core.gate import Gate, gate_of
from platform_assets.core.settings import get_settings

_BODIES = ("application/json", "application/graphql")
_GRAPHQL = "/graphql"


class Gated:
    """An application behind a gate.

    Args:
        app: it.
        gate: which requests are let in.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = scope["type"] in ("http", "websocket")
        refusal = self._gate.refusal(scope) if asked else None
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        else:
            text = f"{refusal.message}; {refusal.hint}\n"
            await PlainTextResponse(text, refusal.status)(scope, receive, send)


class Webserver(DagsterWebserver):  # type: ignore[type-arg]  # generic for mypy alone
    """Dagster's web server, with the gate before everything else."""

    def build_middleware(self) -> list[Middleware]:
        """Dagster's middleware, behind the gate."""
        gate = gate_of(get_settings().dagster_url, _BODIES, acting=(_GRAPHQL,))
        return [Middleware(Gated, gate=gate), *super().build_middleware()]


def main() -> None:
    """Run Dagster's command with our class in the place of its own."""
    from dagster_webserver import app

    app.DagsterWebserver = Webserver  # type: ignore[attr-defined]
    cli(auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main()
