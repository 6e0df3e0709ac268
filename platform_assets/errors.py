"""The one base of errors that a person is meant to read.

Belongs here: the base class. Does not belong here: errors of one room (they derive from it
where they are raised). The command line prints such an error as one line and its hint, and
exits with 1.
"""

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
