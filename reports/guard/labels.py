"""The vocabulary of a context: names and entities, and where a text uses them.

Belongs here: matching labels word for word, longest first. Does not belong here: which number a
label belongs to (:mod:`.scope`). Half a label is no label: a fuzzy match never counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reports.guard import when
from reports.guard.model import Value
from reports.guard.text import plain, words

_LINKS = frozenset("the a an of and in for to at der die das des dem den und von im in & , - ' –".split())
_MAX_VARIANTS = 24


@dataclass(frozen=True)
class Label:
    """A label in a text: the ids of values that it names, by what it names of them."""

    start: int
    end: int
    names: frozenset[str]
    entities: frozenset[str]
    periods: frozenset[str]
    text: str


@dataclass
class _Ids:
    names: set[str] = field(default_factory=set)
    entities: set[str] = field(default_factory=set)
    periods: set[str] = field(default_factory=set)


class Vocabulary:
    """Every name, entity and untimely period ("as reported") of some values."""

    def __init__(self, values: Sequence[Value], language: str) -> None:
        self._language = language
        self._forms: dict[str, dict[tuple[str, ...], _Ids]] = {}
        for value in values:
            for name in value.names:
                for form in self._variants(name):
                    self._ids(form).names.add(value.id)
            if value.entity:
                for form in self._variants(value.entity):
                    self._ids(form).entities.add(value.id)
            if value.period and when.parse(value.period, language) is None:
                for form in self._variants(value.period):
                    self._ids(form).periods.add(value.id)

    def find(self, text: str, taken: set[int]) -> list[Label]:
        """Labels of a text by place, longest first; ``taken`` grows by their indices."""
        tokens = words(text)
        stems = [stem(word, self._language) for _, _, word in tokens]
        found: list[Label] = []
        index = 0
        while index < len(tokens):
            longest = self._longest(stems, index)
            if longest is None:
                index += 1
                continue
            length, ids = longest
            start, end = tokens[index][0], tokens[index + length - 1][1]
            found.append(
                Label(
                    start, end, frozenset(ids.names), frozenset(ids.entities),
                    frozenset(ids.periods), text[start:end],
                )  # fmt: skip
            )
            taken.update(range(start, end))
            index += length
        found.extend(self._unspaced(text, taken))
        found.sort(key=lambda label: label.start)
        return found

    def _longest(self, stems: list[str], index: int) -> tuple[int, _Ids] | None:
        best: tuple[int, _Ids] | None = None
        for form, ids in self._forms.get(stems[index], {}).items():
            length = _match(stems, index, form)
            if length is not None and (best is None or length > best[0]):
                best = (length, ids)
        return best

    def _unspaced(self, text: str, taken: set[int]) -> Iterator[Label]:
        """Labels in a script without spaces between words are found as substrings."""
        for forms in self._forms.values():
            for form, ids in forms.items():
                written = "".join(form)
                if not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", written):
                    continue
                for match in re.finditer(re.escape(written), text.lower()):
                    place = range(match.start(), match.end())
                    if not any(index in taken for index in place):
                        taken.update(place)
                        yield Label(
                            match.start(), match.end(), frozenset(ids.names),
                            frozenset(ids.entities), frozenset(ids.periods), match.group(),
                        )  # fmt: skip

    def _ids(self, form: tuple[str, ...]) -> _Ids:
        return self._forms.setdefault(form[0], {}).setdefault(form, _Ids())

    def _variants(self, label: str) -> Iterator[tuple[str, ...]]:
        """A label with its brackets left out, kept, or in the place of a neighbour.

        "Net (loss) income" is also "net income", "net loss" and "net loss income".
        """
        text = plain(label)
        texts = {text}
        group = re.search(r"\(([^()]*)\)|/\s?\(([^()]*)\)", text)
        if group is not None:
            inner = next((g for g in group.groups() if g), "")
            before, after = text[: group.start()].rstrip("/ "), text[group.end() :]
            for left in (before, re.sub(r"\S+(?:\s+(?:by|from|in|of))?\s*$", "", before)):
                texts.add(f"{left} {inner} {after}")
            texts.add(f"{before} {after}")
            rest = re.sub(r"^\s*\S+", "", after)
            texts.add(f"{before} {inner} {rest}")
            for variant in list(texts):
                texts.add(re.sub(r"\([^()]*\)", " ", variant))
        for variant in sorted(texts)[:_MAX_VARIANTS]:
            stems = [stem(word, self._language) for _, _, word in words(variant)]
            kept = tuple(s for s in stems if re.search(r"\w", s) and s not in _LINKS)
            if kept and not all(s.isdigit() for s in kept):
                yield kept


def _match(stems: list[str], index: int, form: tuple[str, ...]) -> int | None:
    """How many words a label takes from there, links and marks between its words skipped."""
    place = index
    for number, part in enumerate(form):
        skipped = 0
        while number and place < len(stems) and stems[place] != part and skipped < 3:
            if stems[place] not in _LINKS and re.search(r"\w", stems[place]):
                return None
            place += 1
            skipped += 1
        if place >= len(stems) or stems[place] != part:
            return None
        place += 1
    return place - index


def stem(word: str, language: str) -> str:
    """A word without a possessive or a plural; crude, and the same for labels and texts."""
    word = re.sub(r"'s?$", "", word.lower())
    if language.lower().startswith("de"):
        return re.sub(r"(?:en|es|er|e|n|s)$", "", word) if len(word) > 5 else word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
