"""``python -m reports.portal``: serve the portal until it is stopped."""

from __future__ import annotations

import os

import uvicorn

from platform_assets.core.settings import LOOPBACK, Settings, get_settings
from reports.portal.app import create_app


def serve(settings: Settings) -> None:
    """Serve on loopback, port ``settings.portal_port``; one process, since it counts attempts.

    Behind a proxy set ``FORWARDED_ALLOW_IPS`` to the proxy's address; without it nobody is
    believed about the address they come from.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    uvicorn.run(
        create_app(settings),
        host=LOOPBACK,
        port=settings.portal_port,
        server_header=False,
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    serve(get_settings())
