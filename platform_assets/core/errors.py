"""The one base of errors that a person is meant to read."""

from __future__ import annotations


class WeirError(Exception):
    """An error that names what is wrong, and what to do next.

    Attributes:
        message: what is wrong, with source, record and rule where there are any.
        hint: the next step, often a command.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


class DatabaseError(WeirError):
    """PostgreSQL does not answer, or refuses the database or its tables."""


class DatabaseAwayError(DatabaseError):
    """PostgreSQL does not answer: the same may work in a moment."""
