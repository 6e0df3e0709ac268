"""Timeout and retries that every place over the network shares."""

from __future__ import annotations

from platform_assets.core.retry import HTTP_MAY_PASS

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 4
PAUSE_SECONDS = 0.5
"""Bound of the first pause between two attempts."""
LONGEST_SECONDS = 8.0
"""Bound of all pauses."""
RETRY_STATUS = tuple(sorted(HTTP_MAY_PASS))
