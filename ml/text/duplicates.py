"""Texts that say what an earlier one said: word for word, or nearly (MinHash of datasketch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml.text.tokens import has_letters, is_dense, tokens

NEAR = 0.8
"""Jaccard similarity of two texts' runs of words from which they are nearly the same."""
_RUN = 2
"""Words (characters, where there are no spaces) of a run."""
_FEWEST = 5
"""Runs below which a text is too short to be nearly like another."""
_HASHES = 128


@dataclass(frozen=True)
class Duplicate:
    """Which earlier text a text repeats.

    Attributes:
        of: place of the first with the same words, whatever their case and punctuation; None: none.
        near: place of the first that is nearly the same; None where there is none, and for a text
            that repeats one exactly.
        similarity: of ``near``, from 0.8 to 1; 0 without one.
    """

    of: int | None = None
    near: int | None = None
    similarity: float = 0.0


def duplicates(texts: Sequence[str]) -> list[Duplicate]:
    """For each text what it repeats of those before it; texts without letters repeat nothing."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=NEAR, num_perm=_HASHES)
    first: dict[tuple[str, ...], int] = {}
    runs: dict[int, frozenset[str]] = {}
    found = []
    for place, text in enumerate(texts):
        words = tuple(word.text.casefold() for word in tokens(text) if has_letters(word.text))
        if not words:
            found.append(Duplicate())
            continue
        if (same := first.setdefault(words, place)) != place:
            found.append(Duplicate(of=same))
            continue
        shingles = _shingles(words, dense=is_dense(text))
        if len(shingles) < _FEWEST:
            found.append(Duplicate())
            continue
        sketch = MinHash(num_perm=_HASHES, seed=1)
        sketch.update_batch([one.encode() for one in sorted(shingles)])
        # The sketch only says where to look: what counts is the similarity itself.
        alike = {other: _jaccard(shingles, runs[other]) for other in index.query(sketch)}
        near = min((other for other, value in alike.items() if value >= NEAR), default=None)
        found.append(
            Duplicate(near=near, similarity=round(alike[near], 4) if near is not None else 0.0)
        )
        index.insert(place, sketch)
        runs[place] = shingles
    return found


def _shingles(words: Sequence[str], *, dense: bool) -> frozenset[str]:
    size = _RUN + 1 if dense else _RUN
    return frozenset(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)
