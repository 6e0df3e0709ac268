"""How a question ends that is not answered: asked back, or not understood."""

from __future__ import annotations

from collections.abc import Sequence

from platform_assets.core.errors import WeirError


class AmbiguousError(WeirError):
    """The question means two things; the asker chooses.

    Attributes:
        choices: what it may mean, each as words that the question may be asked with.
    """

    def __init__(self, message: str, choices: Sequence[str]) -> None:
        super().__init__(message, f"say which: {', '.join(choices)}")
        self.choices = tuple(choices)


class NotUnderstoodError(WeirError):
    """The question is not understood, or nothing can answer it.

    Attributes:
        word: the word that is not understood; empty where it is something else.
        nearest: names of metrics that come nearest.
    """

    def __init__(
        self, message: str, hint: str = "", *, word: str = "", nearest: Sequence[str] = ()
    ) -> None:
        super().__init__(message, hint)
        self.word, self.nearest = word, tuple(nearest)
