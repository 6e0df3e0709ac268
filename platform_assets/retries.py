"""The retry policy of assets that read or write a server.

Belongs here: the shape (twice more, ever longer, with full jitter). Does not belong here: how long
an asset waits, which is its own choice, and retries within a call (tenacity, where the call is).
"""

from __future__ import annotations

from dagster import Backoff, Jitter, RetryPolicy


def backing_off(seconds: int) -> RetryPolicy:
    """Two more tries; the first after up to ``seconds``, the second after up to twice that."""
    return RetryPolicy(
        max_retries=2, delay=seconds, backoff=Backoff.EXPONENTIAL, jitter=Jitter.FULL
    )
