"""One JSON request over HTTP, its failure told as one of the two errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from platform_assets.messaging.transport import RefusedError, TemporaryError, answered

if TYPE_CHECKING:
    import httpx


def post(
    url: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    name: str,
    timeout: float,
    hint: str,
    reasons: Callable[[httpx.Response], str] = lambda _: "",
) -> None:
    """POST it once.

    Args:
        url: may hold a secret, so errors name only ``name``.
        body: the JSON.
        headers: beside those of every request.
        name: of the other side, for errors.
        timeout: in seconds, of each step.
        hint: what to check if it fails.
        reasons: reads the other side's explanation from its answer.

    Raises:
        TemporaryError: no connection, a timeout, 408, 425, 429 or 5xx.
        RefusedError: any other answer but success, or the address is malformed.
    """
    import httpx

    try:
        response = httpx.post(url, json=body, headers=headers, timeout=timeout)
    except httpx.InvalidURL:
        raise RefusedError(f"the address of {name} is malformed", hint) from None
    except httpx.HTTPError as error:
        raise TemporaryError(f"{name} cannot be reached ({type(error).__name__})", hint) from None
    if not response.is_success:
        said = f"{name} answered {response.status_code}{reasons(response)}"
        raise answered(said, response.status_code, hint, response.headers)
