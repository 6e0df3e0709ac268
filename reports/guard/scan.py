"""A text as sentences of mentions: labels, periods, quantities and words of direction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from reports.guard import hedges, quantities, when
from reports.guard.labels import Label, Vocabulary
from reports.guard.language import is_german
from reports.guard.lexicon import Lexicon, lexicon
from reports.guard.quantities import Quantity
from reports.guard.text import plain, sentences
from reports.guard.when import Named


@dataclass(frozen=True)
class Direction:
    """A word of direction: 1 up, -1 down, 0 neutral ("changed"); weak ones need a number."""

    start: int
    end: int
    sign: int
    weak: bool


@dataclass(frozen=True)
class Superlative:
    """``highest`` (1) or ``lowest`` (-1)."""

    start: int
    end: int
    sign: int


@dataclass(frozen=True)
class Sentence:
    """A sentence and its mentions, by place; offsets are those of the whole text.

    Attributes:
        text: the whole text, plain.
        numbers: quantities to be bound; ordinals are in ``ordinals``.
        segments: for each number the part of the sentence that speaks of it.
    """

    text: str
    start: int
    end: int
    words: Lexicon
    language: str
    labels: tuple[Label, ...]
    periods: tuple[Named, ...]
    numbers: tuple[Quantity, ...]
    ordinals: tuple[Quantity, ...]
    directions: tuple[Direction, ...]
    superlatives: tuple[Superlative, ...]
    segments: tuple[tuple[int, int], ...]

    @property
    def written(self) -> str:
        """The sentence."""
        return self.text[self.start : self.end]


def scan(text: str, vocabulary: Vocabulary, language: str) -> list[Sentence]:
    """The sentences of a text with their mentions."""
    words = lexicon(language)
    flat = plain(text)
    taken: set[int] = set()
    labels, claiming = _members(flat, words, vocabulary.find(flat, taken), vocabulary, language)
    taken = {index for label in labels for index in range(label.start, label.end)}
    periods = when.find(flat, language, taken)
    found = quantities.find(flat, language, taken)
    directions = _directions(flat, words, taken - claiming)
    places = {q.end for q in found if q.ordinal}
    superlatives = _superlatives(flat, words, taken - claiming, places)
    spans = [
        *((m.start, m.end) for m in labels),
        *((m.start, m.end) for m in periods),
        *((m.start, m.end) for m in found),
    ]
    made: list[Sentence] = []
    for start, end in sentences(flat, spans):
        numbers = tuple(q for q in found if start <= q.start < end and not q.ordinal)
        made.append(
            Sentence(
                flat,
                start,
                end,
                words,
                language,
                tuple(m for m in labels if start <= m.start < end),
                tuple(m for m in periods if start <= m.start < end),
                numbers,
                tuple(q for q in found if start <= q.start < end and q.ordinal),
                tuple(m for m in directions if start <= m.start < end),
                tuple(m for m in superlatives if start <= m.start < end),
                _segments(flat, start, end, words, numbers, taken),
            )
        )
    return made


def _members(
    text: str, words: Lexicon, labels: list[Label], vocabulary: Vocabulary, language: str
) -> tuple[list[Label], set[int]]:
    """Members called like a word of direction ("Rose"): labels, and indices that claim as well.

    Spelt in another case than declared the word is no name. Inside an English sentence a capital
    tells a name from a verb; elsewhere the word is read as both, so that no claim hides in a name.
    """
    claim = _word("|".join((words.rise, words.fall, words.weak_rise, words.weak_fall,
                            words.high, words.low)))  # fmt: skip
    kept: list[Label] = []
    claiming: set[int] = set()
    for label in labels:
        if label.names or label.periods or not claim.fullmatch(label.text):
            kept.append(label)
            continue
        if label.text not in vocabulary.entities:
            continue
        kept.append(label)
        begins = re.search(r"(?:^|[.!?:;\n\u3002]\W*|^\W+)$", text[: label.start]) is not None
        german = is_german(language)
        if begins or german or not label.text[0].isupper():
            claiming.update(range(label.start, label.end))
    return kept, claiming


@cache
def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", re.IGNORECASE)


@cache
def _free(pattern: str) -> re.Pattern[str]:
    """As :func:`_word`, but scripts without spaces match inside a run."""
    spaceless = "|".join(p for p in pattern.split("|") if re.search(r"[\u3040-\u9fff]", p))
    return re.compile(
        rf"(?<![^\W_])(?:{pattern})(?![^\W_])" + (f"|(?:{spaceless})" if spaceless else ""),
        re.IGNORECASE,
    )


@cache
def _glued(pattern: str) -> re.Pattern[str]:
    """As :func:`_word`, written to what stands before it."""
    return re.compile(rf"(?:{pattern})(?![^\W_])", re.IGNORECASE)


NO_DIRECTION = re.compile(
    r"(?<!\w)(?:(?:made|make|makes|making|add|adds|added|adding|set|follow\w*|back|start\w*|end\w*|broken|built|build|sign\w*|"
    r"back\w*|no|not) (?:up|down|more|less)|up to|more or less|more than one|"
    r"(?:from|and) above|(?:see|shown|as|the|table) (?:above|below)|up-to-date|ab (?:dem|der)|"
    r"zu (?:den|der|dem|einem|einer|beginn|ende)|plus or minus|no longer)(?!\w)",
    re.IGNORECASE,
)


def _directions(text: str, words: Lexicon, taken: set[int]) -> list[Direction]:
    closed = {i for m in NO_DIRECTION.finditer(text) for i in range(m.start(), m.end())} | taken
    bounds = _word(f"{words.over}|{words.under}|{hedges.VERBS}")
    for match in bounds.finditer(text):
        # "more than 5": the number comes next, so this is a bound, not a direction.
        after = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
        if after in taken and re.match(r"[-\d$£€¥]|[A-Z]{3}\s?\d", text[after:]):
            closed.update(range(match.start(), match.end()))
    found: list[Direction] = []
    for sign, weak, pattern in (
        (1, False, words.rise), (-1, False, words.fall),
        (1, True, words.weak_rise), (-1, True, words.weak_fall), (0, True, words.change),
    ):  # fmt: skip
        for match in _free(pattern).finditer(text):
            place = range(match.start(), match.end())
            if not any(index in closed for index in place):
                found.append(Direction(match.start(), match.end(), sign, weak))
                closed.update(place)
    found.sort(key=lambda direction: direction.start)
    return found


def _superlatives(
    text: str, words: Lexicon, taken: set[int], places: set[int]
) -> list[Superlative]:
    """Superlatives, also those written to a place ("viertgrößte"), which ends at ``places``."""
    return sorted(
        (
            Superlative(match.start(), match.end(), sign)
            for sign, pattern in ((1, words.high), (-1, words.low))
            for match in (
                *_free(pattern).finditer(text),
                *filter(None, (_glued(pattern).match(text, place) for place in places)),
            )
            if match.start() not in taken
            and not re.search(r"\bat $", text[: match.start()], re.IGNORECASE)
        ),
        key=lambda superlative: superlative.start,
    )


def _segments(
    text: str, start: int, end: int, words: Lexicon, numbers: tuple[Quantity, ...],
    taken: set[int],
) -> tuple[tuple[int, int], ...]:  # fmt: skip
    """Between two numbers, where the second one's part of the sentence begins."""
    cuts = [start]
    for here, after in pairwise(numbers):
        cuts.append(_cut(text, here.end, after.start, words, taken))
    cuts.append(end)
    return tuple(pairwise(cuts))


def _cut(text: str, left: int, right: int, words: Lexicon, taken: set[int]) -> int:
    between = text[left:right]
    for pattern in (
        _word(rf"{words.split}|up from|down from"),
        re.compile(r"\b(?:from|than|als|nach)\s+(?=[-(]?(?:[$£€¥]|[A-Z]{3}\s?)?[-(]?\d)", re.I),
        re.compile(r";|,(?:\s+(?:and|und|or))?(?=\s)|\(|\)"),
        _word(r"and|und|or|oder|sowie|to|auf|plus|with|mit|as|of which"),
    ):
        for match in pattern.finditer(between):
            if left + match.start() not in taken:
                return _before_modifier(text, left, left + match.start())
    return right


def _before_modifier(text: str, left: int, cut: int) -> int:
    """``5, up from 4``: "up" belongs to what follows."""
    modifier = re.search(r"(?:,\s*)?\b(?:up|down)\s$", text[left:cut], re.IGNORECASE)
    return left + modifier.start() if modifier else cut
