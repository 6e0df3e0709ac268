"""Products in a text: names from a list, and model names by how they are written.

Names that look like no other word are found by rules (``iPhone 15 Pro``, ``Galaxy S24``); for
others give their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import regex as re

from ml.text.results import Entity

_SURE, _LIKELY = 1.0, 0.6
_TAIL = r"(?:\s(?:Pro|Plus|Max|Mini|Ultra|Lite|Air|SE|XL|FE)\b)*"
_MODELS = (
    # Capitals inside a word, then a number: iPhone 15, PlayStation 5, ThinkPad 14.
    re.compile(
        rf"(?<![\w@#])(?:\p{{Ll}}\p{{Lu}}\p{{Ll}}+|\p{{Lu}}\p{{Ll}}+\p{{Lu}}\w*)\s\d{{1,4}}(?![\d.,]\d|\w){_TAIL}"
    ),
    # A name, then letters and digits: Galaxy S24, XPS 13 stays out, Model X100.
    re.compile(
        rf"(?<![\w@#.])\p{{Lu}}\p{{L}}{{3,}}\s\p{{Lu}}{{1,4}}-?\d{{2,5}}\p{{Lu}}{{0,2}}(?!\w|-\d){_TAIL}"
    ),
)


class Catalogue:
    """Names of products to look for, whatever their capitals."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Empty names are left out; of two that begin alike the longer one is found."""
        known = sorted({name.strip() for name in names} - {""}, key=lambda n: (-len(n), n))
        choice = "|".join(re.escape(name) for name in known)
        self._pattern = re.compile(rf"(?<!\w)(?:{choice})(?!\w)", re.IGNORECASE) if known else None

    def find(self, text: str) -> Iterator[Entity]:
        """Names from the list first, then model names; they may overlap."""
        if self._pattern:
            for found in self._pattern.finditer(text):
                yield _product(found, _SURE)
        for pattern in _MODELS:
            for found in pattern.finditer(text):
                yield _product(found, _LIKELY)


def _product(found: re.Match[str], sure: float) -> Entity:
    return Entity("product", found.start(), found.end(), found.group(), sure)
