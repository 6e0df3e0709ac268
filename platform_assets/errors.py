"""The error that people see.

Belongs here: the base class of every error with a message for a person and a way out. Does
not belong here: the errors themselves (each lives in the room that raises it).
"""

from __future__ import annotations


class WeirError(Exception):
    """Something a person can mend.

    Attributes:
        message: one clear line: what is wrong, with source, record and rule where there are any.
        hint: what to do next, or the empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message
