"""Addresses for people: one is printed only while its server answers."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_SECONDS = 2.0


def answers(url: str) -> bool:
    """Whether something listens where an address leads."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), _SECONDS):
            return True
    except OSError:
        return False
