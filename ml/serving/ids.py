"""Ids of answers: UUIDs of version 7 (RFC 9562), whose order is that of time."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime

_RANDOM_BITS = 62
_COUNTER_BITS = 12


class Ids:
    """Makes ids, each greater than the one before; for one thread.

    So also within a millisecond, and when the clock steps back: RFC 9562, 6.2, a counter of fixed
    length; a full one moves on to the next millisecond.
    """

    def __init__(self) -> None:
        self._millisecond = 0
        self._counter = 0

    def next(self) -> str:
        """The next id."""
        now = time.time_ns() // 1_000_000
        if now > self._millisecond:
            self._millisecond, self._counter = now, 0
        else:
            self._counter += 1
            if self._counter >> _COUNTER_BITS:
                self._millisecond, self._counter = self._millisecond + 1, 0
        random = int.from_bytes(os.urandom(8), "big") >> (64 - _RANDOM_BITS)
        digits = f"{_value(self._millisecond, self._counter, random):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def first_id(moment: datetime) -> uuid.UUID:
    """The smallest id that the millisecond of a moment can have."""
    return uuid.UUID(int=_value(int(moment.timestamp() * 1000), 0, 0))


def _value(millisecond: int, counter: int, random: int) -> int:
    version, variant = 7, 2
    return millisecond << 80 | version << 76 | counter << 64 | variant << _RANDOM_BITS | random
