"""Who is named with whom: pairs of entities in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from ml.text.results import Entity, Kind, Link, Named
from ml.text.sentences import sentences

LINKED: tuple[Kind, ...] = ("person", "organisation", "place", "product")


def links(text: str, entities: Sequence[Entity]) -> tuple[Link, ...]:
    """The pairs of a text's persons, organisations, places and products, most frequent first.

    Args:
        text: that they are of.
        entities: as a reading has them; the same name in another case is the same entity.
    """
    spelled: dict[tuple[Kind, str], Named] = {}
    counts: dict[tuple[Named, Named], int] = {}
    for sentence in sentences(text):
        named = {
            spelled.setdefault((one.kind, one.text.casefold()), Named(one.kind, one.text))
            for one in entities
            if one.kind in LINKED and sentence.start <= one.start < sentence.end
        }
        for pair in combinations(sorted(named), 2):
            counts[pair] = counts.get(pair, 0) + 1
    ordered = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return tuple(Link(one, other, count) for (one, other), count in ordered)
