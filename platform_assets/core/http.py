"""One HTTP client a process, for servers that are asked again and again."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


@lru_cache(maxsize=1)
def client() -> httpx.Client:
    """The process's client; each request has a connection and needs a timeout of its own.

    ``httpx.get`` makes a client for each request, which reads all certificates: 25 ms of CPU.
    """
    import httpx

    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
