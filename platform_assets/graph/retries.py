"""The retry policy of assets that read or write a server."""

from __future__ import annotations

from dagster import Backoff, Jitter, RetryPolicy


def backing_off(seconds: int) -> RetryPolicy:
    """Two more tries; the first after up to ``seconds``, the second after up to twice that."""
    return RetryPolicy(
        max_retries=2, delay=seconds, backoff=Backoff.EXPONENTIAL, jitter=Jitter.FULL
    )
