"""The headings above a place."""

from __future__ import annotations


class Headings:
    """Headings as they come; a heading closes those of its level and below."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, str]] = []
        self.first = ""

    def open(self, level: int, text: str) -> None:
        """A heading starts."""
        text = " ".join(text.split())
        if not text:
            return
        self.first = self.first or text
        self._stack = [(at, name) for at, name in self._stack if at < level]
        self._stack.append((level, text))

    @property
    def path(self) -> str:
        """The open headings, outermost first, joined by `` > ``."""
        return " > ".join(name for _, name in self._stack)
