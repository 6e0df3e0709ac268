"""Known names of places and persons: what a tagger looks words up in.

They come from libraries: countries, currencies' countries and large cities in every language that
CLDR has (babel), given and family names and towns by country (faker). A trained tagger keeps the
names that it was trained with among its files, so that a newer library changes no reading.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ml.text.tokens import Token, tokens

LOCALES = (
    "ar", "cs", "da", "de", "en", "es", "fi", "fil", "fr", "hi", "hr", "hu", "id", "it", "ja",
    "ms", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sr_Cyrl", "sr_Latn", "sv", "tr", "uk", "zh",
)  # fmt: skip
PLACE, GIVEN, FAMILY = "place", "given", "family"
_ATTRIBUTES: dict[str, dict[str, tuple[str, ...]]] = {
    "person": {GIVEN: ("first_names",), FAMILY: ("last_names",)},
    "address": {PLACE: ("cities", "city_names", "cities_name", "states", "provinces")},
}
_LONGEST = 5
"""Words of the longest name that is looked for."""
_STEM, _ENDING = 4, 3
"""Letters that an inflected name keeps at least, and loses at most."""


@dataclass(frozen=True)
class Gazetteer:
    """Names by their kind (``place``, ``given``, ``family``): lower case, words between spaces."""

    names: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, names: Mapping[str, Iterable[str]]) -> Gazetteer:
        """From names as they are written."""
        return cls(
            {
                kind: frozenset(filter(None, (normal(tokens(name)) for name in some)))
                for kind, some in names.items()
            }
        )

    def to_json(self) -> dict[str, list[str]]:
        """Kinds and their names, sorted."""
        return {kind: sorted(some) for kind, some in sorted(self.names.items())}

    @classmethod
    def from_json(cls, value: Mapping[str, Sequence[str]]) -> Gazetteer:
        """What :meth:`to_json` gave."""
        return cls({kind: frozenset(some) for kind, some in value.items()})

    @cached_property
    def _stems(self) -> frozenset[str]:
        single = (name for name in self.names.get(PLACE, ()) if " " not in name)
        return frozenset(name[:-1] if name[-1] in "aeiouyаеиоуыэюя" else name
                         for name in single if len(name) > _STEM)  # fmt: skip

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(
            " ".join(words[:count])
            for some in self.names.values()
            for name in some
            for words in [name.split(" ")]
            for count in range(1, min(len(words), _LONGEST) + 1)
        )

    def found(self, words: Sequence[Token]) -> list[set[str]]:
        """For each word the names that it is part of.

        ``place``, ``given``, ``family`` for a name of one word, with ``+`` behind for one of
        several, and ``place~`` for what may be an inflected place.
        """
        lower = [word.text.lower() for word in words]
        marks: list[set[str]] = [set() for _ in words]
        for start, first in enumerate(lower):
            name = ""
            for end in range(start, min(start + _LONGEST, len(lower))):
                name = f"{name} {lower[end]}" if name else first
                if name not in self._beginnings:
                    break
                for kind, some in self.names.items():
                    if name in some:
                        mark = kind if end == start else f"{kind}+"
                        for at in range(start, end + 1):
                            marks[at].add(mark)
            if len(first) > _STEM and any(
                first[: len(first) - cut] in self._stems
                for cut in range(min(_ENDING, len(first) - _STEM) + 1)
            ):
                marks[start].add("place~")
        return marks


def normal(words: Sequence[Token]) -> str:
    """How a name is looked up."""
    return " ".join(word.text.lower() for word in words)


def known_names() -> Gazetteer:
    """All names that the libraries have."""
    names: dict[str, list[str]] = {PLACE: list(_territories()), GIVEN: [], FAMILY: []}
    for kind, some in _of_faker():
        names[kind].extend(some)
    return Gazetteer.of(names)


def _territories() -> Iterator[str]:
    from babel import Locale

    for code in LOCALES:
        locale = Locale.parse(code)
        yield from (name for key, name in locale.territories.items() if not key.isdigit())
        for key, zone in locale.time_zones.items():
            # English names are in no table: they are the ends of the zones' own names.
            yield zone.get("city") or key.rsplit("/", 1)[-1].replace("_", " ")


def _of_faker() -> Iterator[tuple[str, list[str]]]:
    for group, wanted in _ATTRIBUTES.items():
        package = importlib.import_module(f"faker.providers.{group}")
        for module in sorted(one.name for one in pkgutil.iter_modules(package.__path__)):
            provider = importlib.import_module(f"{package.__name__}.{module}").Provider
            for kind, attributes in wanted.items():
                for attribute in attributes:
                    yield kind, list(_texts(vars(provider).get(attribute)))


def _texts(values: Any) -> Iterator[str]:
    """All texts in nested sequences, the keys of mappings among them."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, (tuple, list, dict)):
        for value in values:
            yield from _texts(value)
