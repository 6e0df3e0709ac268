"""Pages ahead of the one that is committed, where a stream allows several requests at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from platform_assets.connectors.http.incremental import Place
from platform_assets.connectors.http.increments import Fetch, Fetched

Guess = Callable[[Place, int], Sequence[Place]]
"""Of a page and a number: so many pages after it that can be named without asking."""


class Ahead:
    """A :data:`.increments.Fetch` that asks for further pages while one is used; a context manager.

    Pages come in their order, whatever order the answers come in. What is asked for past the last
    page is thrown away, and so is its failure.

    Args:
        fetch: gets a page; called from several threads.
        guess: names pages ahead.
        requests: at the same time.
    """

    def __init__(self, fetch: Fetch, guess: Guess, requests: int) -> None:
        self._fetch, self._guess, self._requests = fetch, guess, requests
        self._pool = ThreadPoolExecutor(requests, thread_name_prefix="pages")
        self._asked: dict[str, Future[Fetched]] = {}

    def __call__(self, since: Any, place: Place | None) -> Fetched:
        """The page; see :data:`.increments.Fetch`."""
        got = self._ask(since, place).result()
        self._asked.pop(_key(since, place), None)
        if got.following is not None:
            ahead = [got.following, *self._guess(got.following, self._requests - 1)]
            for one in ahead[: self._requests]:
                self._ask(since, one)
        return got

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, since: Any, place: Place | None) -> Future[Fetched]:
        key = _key(since, place)
        if key not in self._asked:
            self._asked[key] = self._pool.submit(self._fetch, since, place)
        return self._asked[key]


def _key(since: Any, place: Place | None) -> str:
    return json.dumps([since, dict(place) if place is not None else None], sort_keys=True)
