"""The closed vocabulary: every word of a sentence about facts is understood, or refuses it.

Belongs here: which words and marks of a sentence nothing has read. Does not belong here: the
harmless words (:mod:`.plainwords`), words that are read (:mod:`.lexicon`) or checked
(:mod:`.standing`). A list of bad words always lacks one ("cratered", "outsold", "a myriad"), so
there is none: what stands on no list is what refuses a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from reports.guard import bases, hedges, standing
from reports.guard.bind import NEGATIVE_NOUNS, POSITIVE_NOUNS
from reports.guard.labels import stem
from reports.guard.language import primary
from reports.guard.lexicon import lexicon
from reports.guard.model import Value
from reports.guard.plainwords import harmless_mark, plain_words, run_of_japanese
from reports.guard.reading import Objection, Reading
from reports.guard.scan import NO_DIRECTION
from reports.guard.windows import Window

_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_PHRASES = {
    "en": r"(?:there (?:is|was) )?no data|in all|as well as|such as|"
    r"in line with (?:the )?(?:plans?|expectations|targets?)|in order to|"
    r"as of|as at|that is|up-to-date|the same(?= (?:week|month|quarter|day|period|weekday)\b)|"
    r"not only|percentage change|in percentage terms",
    "de": r"fehlen(?: die)? daten|zum vergleich|vor allem|in höhe von|das heißt|"
    r"demselben|derselben|nicht nur",
    "ja": r"データはありません|データがないもの",
    "ar": r"لا توجد بيانات",
}
_TIMES = {
    "en": r"(?P<day>days?|daily|weekdays?)|(?P<week>weeks?|weekly)|(?P<month>months?|monthly)|"
    r"(?P<quarter>quarters?|quarterly)|(?P<half>half-years?)|"
    r"(?P<year>years?|yearly|annual|annually)",
    "ja": r"(?P<day>日)|(?P<week>週)|(?P<month>月)|(?P<quarter>四半期)|(?P<year>年)",
    "ar": r"(?P<day>(?:ال)?يوم)|(?P<week>(?:ال)?[أا]سبوع)|(?P<month>(?:ال)?شهر)|"
    r"(?P<year>(?:ال)?(?:عام|سنة))",
    "de": r"(?P<day>tag(?:e[sn]?)?|täglich\w*|wochentag\w*)|(?P<week>wochen?|wöchentlich\w*)|"
    r"(?P<month>monat(?:e[sn]?)?|monatlich\w*)|(?P<quarter>quartal(?:[es]|en)?)|"
    r"(?P<half>halbjahr\w*)|(?P<year>jahr(?:e[sn]?)?|jährlich\w*|geschäftsjahr\w*)",
}


def claims(
    reading: Reading,
    cited: bool,
    values: tuple[Value, ...],
    ops: frozenset[str],
    counts: Sequence[Window] = (),
) -> Iterator[tuple[int, int, Objection]]:
    """Words and marks of a sentence that nothing understands.

    Args:
        reading: the sentence.
        cited: whether its paragraph cites facts, so that every sentence may speak of them.
        values: those that the paragraph may state; words of time must fit their periods.
        ops: operations that it declares; "average" and its like need one.
        counts: counts of periods in the sentence, which are read elsewhere.
    """
    sentence = reading.sentence
    if not (
        cited or sentence.numbers or sentence.labels or sentence.periods
        or sentence.directions or sentence.superlatives
    ):  # fmt: skip
        return
    taken = _read(reading)
    taken.update(index for count in counts for index in range(count.start, count.end))
    language = primary(reading.language)
    plain = plain_words(language)
    if any(value.unit == "%" and not value.signed for value in values):
        ops |= {"share"}
    terms = _terms(reading.language, ops)
    grains = _grains(reading, values)
    units = _counted(reading)
    for match in _WORD.finditer(sentence.text, sentence.start, sentence.end):
        if all(index in taken for index in range(match.start(), match.end())):
            continue
        word = match.group().lower()
        if _known(word, plain, language, terms, grains):
            continue
        if stem(word, reading.language) in units:
            continue
        if language == "ja" and _japanese(sentence.text, match.start(), match.end(), taken, grains):
            continue
        if language == "ar" and any(
            _known(form, plain, language, terms, grains) for form in _bare_arabic(word)
        ):
            continue
        parts = list(re.finditer(r"[^\W\d_]+", match.group()))
        if len(parts) > 1 and all(
            len(part.group()) == 1
            or match.start() + part.start() in taken
            or _known(part.group().lower(), plain, language, terms, grains)
            for part in parts
        ):
            continue
        yield (
            match.start(), match.end(),
            Objection("ambiguous", "is not understood here: use a label, a plain verb, or none"),
        )  # fmt: skip
    yield from _orders(reading)
    for index in range(sentence.start, sentence.end):
        mark = sentence.text[index]
        if index not in taken and not mark.isalnum() and mark != "_" and not harmless_mark(mark):
            yield index, index + 1, Objection("ambiguous", "is a mark that is not understood")


_ORDER = re.compile(
    r"(?<!\w)(?P<w>after|over|under|nach|über|unter)\s(?:the |der |die |das |dem )?$", re.I
)


def _orders(reading: Reading) -> Iterator[tuple[int, int, Objection]]:
    """A preposition between two members or two measures puts one before the other."""
    sentence = reading.sentence
    for what in ("entities", "names"):
        labels = [m for m in sentence.labels if getattr(m, what)]
        for before, label in pairwise(labels):
            found = _ORDER.search(sentence.text, before.end, label.start)
            numbers = any(before.end <= n.start < label.start for n in sentence.numbers)
            if found is not None and not numbers:
                yield (
                    found.start("w"), found.end("w"),
                    Objection("ambiguous", "puts one before the other, which is not checked"),
                )  # fmt: skip


def _known(
    word: str, plain: frozenset[str], language: str, terms: re.Pattern[str], grains: set[str]
) -> bool:
    if word in plain or terms.fullmatch(word):
        return True
    times = {language, "en"} - {"de"} if language != "de" else {"de"}
    found = [re.fullmatch(_TIMES[one], word) for one in times & _TIMES.keys()]
    return any(match is not None and match.lastgroup in grains for match in found)


@cache
def _terms(language: str, ops: frozenset[str]) -> re.Pattern[str]:
    """Words that the rules of numbers, signs and the declared operations look at."""
    words = lexicon(language)
    return re.compile(
        "|".join(
            (
                *(words.op_words[op] for op in sorted(ops & words.op_words.keys())),
                words.listed, words.whole, words.copula,
                words.negative, NEGATIVE_NOUNS, POSITIVE_NOUNS, words.split, words.change,
            )
        ),
        re.IGNORECASE,
    )  # fmt: skip


def _read(reading: Reading) -> set[int]:
    """Indices of what has been read as something."""
    sentence = reading.sentence
    spans = [
        (mention.start, mention.end)
        for mentions in (
            sentence.labels, sentence.periods, sentence.numbers, sentence.ordinals,
            sentence.directions, sentence.superlatives,
        )
        for mention in mentions
    ]  # fmt: skip
    spans += standing.spans(reading)
    spans += [
        (label.start - len("year "), label.start)
        for label in sentence.labels
        if label.periods and sentence.text[: label.start].endswith("year ")
    ]
    phrases = _PHRASES.get(primary(reading.language), _PHRASES["en"])
    if primary(reading.language) not in {"en", "de"}:
        phrases = f"{phrases}|{_PHRASES['en']}"
    for pattern in (re.compile(rf"(?<!\w)(?:{phrases})(?!\w)", re.IGNORECASE), NO_DIRECTION):
        for match in pattern.finditer(sentence.text, sentence.start, sentence.end):
            if (
                not re.match(r"no |not (?!only)", match.group(), re.IGNORECASE)
                or "data" in match.group()
            ):
                spans.append((match.start(), match.end()))
    spans += [
        (number.end, number.end + rate.end())
        for number in sentence.numbers
        if (rate := bases.RATE.match(sentence.text[number.end :])) is not None
    ]
    words = sentence.words
    leading = "another|additional|further|weitere|more"
    before = re.compile(
        rf"(?:(?<!\w)(?!(?:{leading})\s)(?:{words.filler})\s)*"
        rf"(?:(?<!\w)(?:{words.over}|{words.under}|{hedges.VERBS}|{words.about})\.?\s"
        r"(?:(?:a|an|the)\s)?)?$",
        re.IGNORECASE,
    )
    for number in (*sentence.numbers, *sentence.ordinals):
        led = before.search(sentence.text[sentence.start : number.start])
        if led is not None:
            spans.append((sentence.start + led.start(), number.start))
    return {index for start, end in spans for index in range(start, end)}


def _grains(reading: Reading, values: tuple[Value, ...]) -> set[str]:
    """Kinds of the periods that the paragraph is about, and what its rates are for."""
    keys = [*reading.known[:1], *(value.period for value in values if value.period)]
    kinds = {when.kind for key in dict.fromkeys(keys) if (when := reading.when(key)) is not None}
    return kinds | {value.per for value in values if value.per}


def _counted(reading: Reading) -> set[str]:
    """Stems of the nouns that values count."""
    nouns = {value.unit.split()[-1] for value in reading.values if value.unit.strip()}
    return {stem(noun, reading.language) for noun in nouns if len(noun) > 2}


def _japanese(text: str, start: int, end: int, taken: set[int], grains: set[str]) -> bool:
    """Whether what is left of a run of Japanese, its read parts taken out, is harmless."""
    left = re.split("\0+", "".join("\0" if i in taken else text[i] for i in range(start, end)))
    runs = run_of_japanese()
    return all(
        not piece or runs.fullmatch(piece) or _grain_of(piece) in grains
        for part in left
        for piece in re.split("([日週月年])", part)
    )


def _grain_of(piece: str) -> str:
    return {"日": "day", "週": "week", "月": "month", "年": "year"}.get(piece, "")


def _bare_arabic(word: str) -> tuple[str, ...]:
    """Arabic writes "and", "with" and the article to the word; it is also read without them."""
    bare = re.sub(r"[\u064b-\u0652\u0640]", "", word)
    return bare, re.sub(r"^(?:لل|[وفبك]?ال|[وفبلك])", "", bare), bare[1:]
