"""The vocabulary of a context: names and entities, and where a text uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reports.guard import when
from reports.guard.language import is_german
from reports.guard.model import Value
from reports.guard.text import plain, words

_LINK_WORDS = "the a an of and in for to at der die das des dem den und von im in & , - ' \u2013"
_LINKS = frozenset(_LINK_WORDS.split())


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
    whole: bool = False


_OPERATION = re.compile(
    r"^(?:share of|change in|growth (?:of|in)|anteil (?:am|an der|an den|an)|"
    r"wachstum (?:des|der)|veränderung (?:des|der))\s+|\s+(?:growth|share|change)$",
    re.IGNORECASE,
)
_PLACED = re.compile(
    r"(?:\b(?:in|for|under|from|to|than|as|of|on|at|with|per|between|across|year|against|"
    r"versus|vs|over|by|up|and|im|für|unter|laut|nach|gegenüber|und)|[:(,])"
    r"\s(?:the\s)?(?:[$€£(%]\s?)?(?:of\s)?$|^$",
    re.IGNORECASE,
)


class Vocabulary:
    """Every name, entity and untimely period ("as reported") of some values."""

    def __init__(self, values: Sequence[Value], language: str) -> None:
        self._language = language
        self.entities = frozenset(plain(value.entity) for value in values if value.entity)
        """As they were declared."""
        self._forms: dict[str, dict[tuple[str, ...], _Ids]] = {}
        for value in values:
            untimely = value.period and when.parse(value.period, language) is None
            for what, labels in (
                ("names", value.names),
                ("entities", (value.entity,) if value.entity else ()),
                ("periods", (value.period,) if untimely else ()),
            ):
                for label in labels:
                    self._learn(what, label, value.id)
            if value.unit in {"%", "pp"}:
                # "28 % of net sales" states a "share of net sales".
                for name in value.names:
                    measure = _OPERATION.sub("", name)
                    if measure != name:
                        self._learn("names", measure, value.id, of_another=True)

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
            if not (ids.names or ids.entities) and not _PLACED.search(text[:start]):
                # "the change in …" is no column called "Change", "in % change" is.
                index += 1
                continue
            found.append(
                Label(
                    start,
                    end,
                    frozenset(ids.names),
                    frozenset(ids.entities),
                    frozenset(ids.periods),
                    text[start:end],
                )
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

    def _learn(self, what: str, label: str, name: str, of_another: bool = False) -> None:
        """A label as written is its own; what is left without brackets may be another's."""
        for full, form in self._variants(label, r"[\w%$€£]" if what == "periods" else r"\w"):
            ids = self._forms.setdefault(form[0], {}).setdefault(form, _Ids())
            known: set[str] = getattr(ids, what)
            whole = full and not of_another
            if whole and not ids.whole:
                ids.whole = True
                known.clear()
            if whole or of_another or not ids.whole:
                known.add(name)

    def _variants(self, label: str, kept: str) -> Iterator[tuple[bool, tuple[str, ...]]]:
        """A label with its brackets kept, left out, or in the place of a neighbour.

        "Net (loss) income" is also "net income", "net loss" and "net loss income". The first is
        the whole label; a footnote's number in brackets is no part of it. ``kept`` is what a
        token needs to count: marks tell the columns "$ change" and "% change" apart.
        """
        text = re.sub(r"\s?\(\d{1,2}\)", "", plain(label)).strip()
        texts = [text]
        group = re.search(r"/?\s?\(([^()]*)\)", text)
        if group is not None:
            inner = group.group(1)
            before, after = text[: group.start()], text[group.end() :]
            shorter = re.sub(r"\S+(?:\s+(?:by|from|in|of))?\s*$", "", before)
            texts += [f"{left} {inner} {after}" for left in (before, shorter)]
            texts.append(f"{before} {after}")
            rest = re.sub(r"^\s*\S+", "", after)
            texts.append(f"{before} {inner} {rest}")
            texts += [re.sub(r"\([^()]*\)", " ", variant) for variant in texts]
        for number, variant in enumerate(dict.fromkeys(texts)):
            stems = [stem(word, self._language) for _, _, word in words(variant)]
            form = tuple(s for s in stems if re.search(kept, s) and s not in _LINKS)
            if form and not all(s.isdigit() or s in "$€£" for s in form):
                yield number == 0, form


def _match(stems: list[str], index: int, form: tuple[str, ...]) -> int | None:
    """How many words a label takes from there, links and marks between its words skipped."""
    place = index
    for number, part in enumerate(form):
        skipped = 0
        while number and place < len(stems) and stems[place] != part and skipped < 5:
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
    if is_german(language):
        return re.sub(r"(?:en|es|er|e|n|s)$", "", word) if len(word) > 5 else word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
