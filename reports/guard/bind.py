"""Which cited value, or declared derivation, a number states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports.guard import bases, scope, scope_derived, units
from reports.guard.derive import Derived
from reports.guard.labels import stem
from reports.guard.language import is_german, primary
from reports.guard.model import Rule, Value
from reports.guard.quantities import Quantity
from reports.guard.reading import Objection, Reading, speaks_of_target
from reports.guard.scan import Direction

Candidate = Value | Derived

_NEAR = Decimal("0.02")
_STAGES = ("no_such_fact", "rounding", "ambiguous", "unit", "direction", "name", "entity", "period")


@dataclass(frozen=True)
class Bound:
    """A number and the candidate that it states."""

    number: int
    candidate: Candidate

    @property
    def ids(self) -> tuple[str, ...]:
        """The value's id, or those that it is derived from."""
        if isinstance(self.candidate, Derived):
            return tuple(value.id for value in self.candidate.of)
        return (self.candidate.id,)


def bind(reading: Reading, number: int, candidates: Sequence[Candidate]) -> Bound | Objection:
    """The first candidate without an objection, or the objection that came latest."""
    quantity = reading.sentence.numbers[number]
    if quantity.value is None:
        return Objection("ambiguous", "cannot be read as one number in this language")
    worst = Objection("no_such_fact", "equals no cited value and no declared derivation")
    if speaks_of_target(reading):
        candidates = sorted(candidates, key=lambda c: not (isinstance(c, Value) and c.target))
    for candidate in candidates:
        objection = _objection(reading, number, quantity, candidate)
        if objection is None:
            return Bound(number, candidate)
        if _STAGES.index(objection.rule) > _STAGES.index(worst.rule):
            worst = objection
    return worst


def _objection(  # noqa: PLR0911 - a case a line
    reading: Reading, number: int, quantity: Quantity, candidate: Candidate
) -> Objection | None:
    said = bases.rate(reading.sentence.text, quantity.end)
    sources = candidate.of if isinstance(candidate, Derived) else (candidate,)
    if said and not any(_is_per(said, value, reading.language) for value in sources):
        return Objection("period", f"{_label(candidate)} is not so much a {said}")
    if quantity.level and candidate.signed:
        return Objection("direction", f"{_label(candidate)} is a change, not a level")
    numeric = _numeric(reading, number, quantity, candidate)
    if numeric is not None:
        return numeric
    if isinstance(candidate, Derived):
        return _wording(reading, number, candidate) or scope_derived.of_derived(
            reading, number, candidate
        )
    if candidate.rank_of is not None and not _RANKED.search(reading.sentence.written):
        return Objection("no_such_fact", f"{candidate.id} is a rank")
    if candidate.target and not speaks_of_target(reading):
        return Objection("name", f"{candidate.id} is a target")
    return scope.of_value(reading, number, candidate)


def _is_per(said: str, value: Value, language: str) -> bool:
    words = f"{value.per} {value.unit} {' '.join(value.names)}".lower().split()
    return stem(said, language) in {stem(word, language) for word in words}


_RANKED = re.compile(r"\b(?:rank\w*|place\w*|position|number|no\.|platz|rang|stelle)|#", re.I)


def _label(candidate: Candidate) -> str:
    if isinstance(candidate, Derived):
        return f"{candidate.op} of {', '.join(value.id for value in candidate.of)}"
    return candidate.id


def _numeric(
    reading: Reading, number: int, quantity: Quantity, candidate: Candidate
) -> Objection | None:
    exact, unit = candidate.exact, candidate.unit
    target = _as_factor(exact, candidate, quantity) if quantity.multiple else exact
    if target is None:
        return Objection("no_such_fact", f"{_label(candidate)} is no factor or part")
    stated, objection = _stated(reading, number, quantity, candidate, target)
    if not _within(quantity, stated, target):
        if objection is not None and _within(quantity, -stated, target):
            return objection
        if objection is None and _within(quantity, -stated, target) and target != 0:
            return Objection("direction", f"has the other sign than {_label(candidate)} = {exact}")
        near = abs(stated - target) <= _NEAR * abs(target)
        rule: Rule = "rounding" if near and target else "no_such_fact"
        return Objection(rule, f"{_label(candidate)} is {exact.normalize():f} {unit}".rstrip())
    if not quantity.multiple and not _unit_agrees(reading, quantity, candidate):
        return Objection(
            "unit",
            f"{_label(candidate)} is in {unit or 'no unit'}, not {units.spoken(quantity.unit)}",
        )
    return objection or _bound_holds(quantity, stated, target, candidate)


def _within(quantity: Quantity, stated: Decimal, target: Decimal) -> bool:
    half = quantity.half
    if quantity.multiple and (quantity.approximate or quantity.bound):
        half *= 2
    if quantity.multiple and quantity.bound > 0 and stated > 1:
        # "more than doubled" is anything below the next factor.
        return stated <= target < stated + 1
    return abs(stated - target) <= half


def _bound_holds(
    quantity: Quantity, stated: Decimal, target: Decimal, candidate: Candidate
) -> Objection | None:
    over, size = abs(target) - abs(stated), quantity.bound
    if (
        (size > 0 and over < 0)
        or (size < 0 and over > 0)
        or (size and quantity.strict and not over)
    ):
        side = "more" if size > 0 else "less"
        return Objection("direction", f"{_label(candidate)} is {target}, which is not {side}")
    return None


def _as_factor(exact: Decimal, candidate: Candidate, quantity: Quantity) -> Decimal | None:
    """A growth, share or ratio as the factor that "doubled" or "a third" speaks of."""
    change = candidate.signed
    if candidate.unit == "%":
        if change:
            part = quantity.value is not None and quantity.value < 1 and not quantity.turns
            return exact / 100 if part else 1 + exact / 100
        return exact / 100
    if isinstance(candidate, Derived):
        return exact if candidate.op == "ratio" else None
    if candidate.rank_of is not None:
        return None
    return exact if candidate.unit in {"", "x"} else None


def _stated(  # noqa: PLR0911 - a case a line
    reading: Reading, number: int, quantity: Quantity, candidate: Candidate, target: Decimal
) -> tuple[Decimal, Objection | None]:
    """The number as the sentence means it, with the sign that its words give."""
    assert quantity.value is not None  # noqa: S101 - the caller refused what cannot be read
    value = quantity.value
    if quantity.multiple and (quantity.turns or not candidate.signed):
        wrong = quantity.turns < 0 < target - 1 or quantity.turns > 0 > target - 1
        return value, Objection("direction", "is the other way") if wrong else None
    direction, beside = governing(reading, number)
    if not candidate.signed:
        if beside:
            return value, Objection("direction", f"{_label(candidate)} is no change")
        if target < 0 < value and _is_negative_noun(reading, quantity, candidate):
            return -value, None
        if target > 0 and value > 0 and _is_loss(reading, quantity, candidate):
            return value, Objection("direction", f"{_label(candidate)} is no loss")
        return value, None
    if direction is None or direction.sign == 0:
        changes = direction is not None or quantity.explicit or _speaks_of_change(reading, number)
        return value, None if changes else Objection(
            "direction", f"{_label(candidate)} is a change, of which the text does not speak"
        )
    if quantity.explicit:
        if value * direction.sign < 0 and not direction.weak and beside:
            return value, Objection("direction", "contradicts the sign beside it")
        return value, None
    stated = value * direction.sign
    wrong = _within(quantity, -stated, target) and not _within(quantity, stated, target)
    if wrong:
        return stated, Objection("direction", f"{_label(candidate)} is {target:f}: the other way")
    return stated, None


_CHANGE_NOUN = re.compile(r"\b(?:the|a|an|this|der|die|das|ein|eine|einem)\s(?:\w+\s)?$", re.I)
_AMOUNTS = re.compile(
    r"\b(?:amount(?:s|ed|ing)|came|come|equal\w*|totall?ed|stood|was|is|betrug|beträgt|belief)\b",
    re.I,
)


def governing(reading: Reading, number: int) -> tuple[Direction | None, bool]:  # noqa: PLR0911 - a case a line
    """The word of direction that a number belongs to, and whether it stands beside it."""
    sentence = reading.sentence
    quantity = sentence.numbers[number]
    start, end = sentence.segments[number]
    own = [d for d in sentence.directions if start <= d.start < end]
    after = [d for d in own if d.start >= quantity.end]
    before = [d for d in own if d.end <= quantity.start]
    level = re.search(r"\b(?:to|at|auf|bei)\s$", sentence.text[start : quantity.start], re.I)
    if after and _filled(sentence.text[quantity.end : after[0].start], sentence.words.filler, 2):
        return after[0], level is None
    if before:
        last = before[-1]
        gap = sentence.text[last.end : quantity.start]
        both = [d for d in before if sentence.text[d.end : last.start].strip(" /()") == ""]
        if len({d.sign for d in (*both, last)}) > 1:
            return Direction(last.start, last.end, 0, True), False
        if _CHANGE_NOUN.search(sentence.text[: last.start]) and _AMOUNTS.search(gap):
            return last, True
        noun = sentence.text[last.start].isupper()
        if not noun and re.search(r"\bvon\s[$£€¥A-Z(]*\s?$", gap):
            return last, False
        if re.search(r"(?:\bto|\bat|\bauf|\bfrom|\bzu)\s[$£€¥A-Z(]*\s?$", gap):
            return last, False
        beside = _filled(gap, sentence.words.filler, 5) or bool(
            re.search(r"(?:\bof|\bby|\bum|\bwas|\bis)\s(?:\w+ )?$", gap)
        )
        return last, beside
    separated = _separated(reading, number)
    if separated is not None:
        return separated, True
    if after:
        return after[0], False
    if number and not quantity.explicit:
        inherited, _ = governing(reading, number - 1)
        return inherited, False
    return None, False


SEPARABLE = re.compile(r"\b(?:ging|gingen|geht|nahm|nahmen|legten?|gab|gaben)\b", re.IGNORECASE)
_PARTICLE = re.compile(r"zurück|zu|ab|nach", re.IGNORECASE)


def _separated(reading: Reading, number: int) -> Direction | None:
    """German verbs in two parts: "ging um 5 % auf 4 zurück"."""
    sentence = reading.sentence
    start, end = sentence.segments[number]
    if not SEPARABLE.search(sentence.text, start, sentence.numbers[number].start):
        return None
    later = [d for d in sentence.directions if d.start >= sentence.numbers[number].end]
    for word in later:
        if _PARTICLE.fullmatch(sentence.text[word.start : word.end]):
            between = sentence.text[end : word.start]
            return None if SEPARABLE.search(between) else word
    return None


def _filled(gap: str, filler: str, most: int) -> bool:
    words = re.findall(r"[^\W_]+|[^\s\w]", gap)
    return len(words) <= most and all(
        re.fullmatch(rf"(?:{filler})|[(%]", word, re.IGNORECASE) for word in words
    )


def _speaks_of_change(reading: Reading, number: int) -> bool:
    del number
    words = reading.sentence.words
    pattern = rf"{words.base}|{words.change}|{words.rise}|{words.fall}|growth|wachstum"
    if re.search(rf"(?<!\w)(?:{pattern})(?!\w)", reading.sentence.written, re.IGNORECASE):
        return True
    return any(reading.roles[p.start] == "base" for p in reading.sentence.periods)


def _is_negative_noun(reading: Reading, quantity: Quantity, candidate: Candidate) -> bool:
    """Whether "loss", "deficit" or "used" right before the number turns its sign.

    Not where the value's own name says so: then its sign is already counted in that sense. And
    not of what is derived, whose operands have signs of their own.
    """
    if isinstance(candidate, Derived):
        return False
    own = [_unbracketed(name) for name in candidate.names]
    negative = reading.sentence.words.negative
    if own and all(re.search(rf"\b(?:{negative})\b", name, re.I) for name in own):
        return False
    said = _nouns(reading, quantity, candidate, negative)
    return bool(said) and re.fullmatch(negative, said[-1], re.IGNORECASE) is not None


def _is_loss(reading: Reading, quantity: Quantity, candidate: Candidate) -> bool:
    """Whether the nearest such noun before the number says "loss", which the value is not."""
    if isinstance(candidate, Derived):
        return False
    said = _nouns(reading, quantity, candidate, NEGATIVE_NOUNS)
    loss = bool(said) and re.fullmatch(NEGATIVE_NOUNS, said[-1], re.IGNORECASE) is not None
    return loss and _is_negative_noun(reading, quantity, candidate)


def _nouns(reading: Reading, quantity: Quantity, value: Value, negative: str) -> list[str]:
    """Nouns of gain and loss before a number; those in labels of something else do not count."""
    sentence = reading.sentence
    text = list(sentence.text[sentence.start : quantity.start])
    for label in sentence.labels:
        if value.id not in label.names and label.end <= quantity.start:
            for index in range(label.start, label.end):
                text[index - sentence.start] = "_"
    words = re.findall(r"[^\W_]+", _unbracketed("".join(text)))[-12:]
    return [w for w in words if re.fullmatch(rf"{negative}|{POSITIVE_NOUNS}", w, re.IGNORECASE)]


POSITIVE_NOUNS = (
    r"income|profits?|gains?|surplus\w*|earnings|provided|inflows?|gewinne?n?|"
    r"ertrag|erträge|überschuss"
)
NEGATIVE_NOUNS = r"loss|losses|deficit|shortfall|verluste?s?n?|fehlbetrag|defizit"


def _unbracketed(text: str) -> str:
    """Without what is in brackets: "gains (losses)" is called gains."""
    return re.sub(r"\([^()]*\)", " ", text)


def _unit_agrees(reading: Reading, quantity: Quantity, candidate: Candidate) -> bool:
    unit = candidate.unit
    if quantity.unit:
        if unit in quantity.unit:
            return True
        ratio = isinstance(candidate, Derived) and candidate.op == "ratio"
        return quantity.unit == ("x",) and (unit in {"", "x"} or ratio)
    if units.stated(unit):
        return False
    return _noun_agrees(reading, quantity, unit, candidate)


def _noun_agrees(reading: Reading, quantity: Quantity, unit: str, candidate: Candidate) -> bool:
    """A noun counted after a number is the value's own, or none that a value counts."""
    sentence = reading.sentence
    rest = sentence.text[quantity.end : sentence.end]
    follows = re.match(r"(?:\s+[^\W\d_][\w-]*){1,3}", rest)
    german = is_german(reading.language)
    said = [stem(w, reading.language) for w in follows.group().split()] if follows else []
    nouns = {
        stem(v.unit.split()[-1], reading.language) for v in reading.values
        if v.unit and not units.known(v.unit)
    }  # fmt: skip
    own = stem(unit.rsplit(maxsplit=1)[-1], reading.language) if unit else ""
    if own in said:
        return True
    if any(word in nouns for word in said[:2]):
        return False
    if not unit or not said or follows is None:
        return True
    first = follows.group().split()[0]
    if (german and first.islower()) or re.search(r"(?:ed|ly)$", first):
        # German nouns are capitalised, and participles count nothing.
        return True
    sources = candidate.of if isinstance(candidate, Derived) else (candidate,)
    names = {stem(w, reading.language) for v in sources for n in v.names for w in n.split()}
    return said[0] in names or re.fullmatch(_CLOSED, said[0]) is not None


_CLOSED = (
    r"in|on|at|of|for|during|and|or|to|from|by|than|as|compared?|versu?|against|over|after|with|"
    r"thi|last|the|a|an|respectively|while|but|which|wa|were|is|are|per|more|les|fewer|higher|"
    r"lower|up|down|year|week|month|quarter|im|auf|von|und|gegenüber|nach|mehr|wenig|weniger|"
    r"höher|niedrig|um|bei|am|je|pro|war|waren|gestieg|gesunk|jeweil|vo|zu|al|it|across|overall|"
    r"altogether|placed|recorded|follow\w*|compar\w*|vs|relative|vorwoche|insgesamt|erreicht"
)


def _wording(reading: Reading, number: int, derived: Derived) -> Objection | None:
    """A sum, mean, share or ratio must be called one, so that no other number passes for it."""
    pattern = reading.sentence.words.op_words.get(derived.op)
    quantity = reading.sentence.numbers[number]
    if pattern is None or quantity.multiple or quantity.unit == ("x",):
        return None
    if primary(reading.language) not in {"en", "de"}:
        return None
    if re.search(rf"(?<!\w)(?:{pattern})(?!\w)", reading.sentence.written, re.IGNORECASE):
        return None
    return Objection("ambiguous", f"equals a {derived.op}, which the sentence does not call so")
