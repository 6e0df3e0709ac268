"""Words that change a claim and that nothing here can check: negations, records, crashes.

Belongs here: words beside a measure or a number that make a sentence ambiguous. Does not belong
here: words that are read (:mod:`.lexicon`). The list of what may follow a measure is closed; any
other verb in that place refuses its sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reports.guard.language import primary
from reports.guard.reading import Objection, Reading

_NEGATION = {
    "en": r"not|never|no longer|neither|nor|hardly|scarcely|barely|\w+n't|cannot|without|failed to",
    "de": r"nicht|nie|niemals|kein\w*|weder|keineswegs|kaum(?! (?:etwas ge|ver)änder\w*)",
}
_ALLOWED = re.compile(
    r"(?:not|no|nicht) (?:less|more|fewer|weniger|mehr) (?:than|als)|not only", re.I
)
_ABSOLUTE = {
    "en": r"ever|all[- ]time|record(?!ed)|unprecedented|always|everywhere|nobody|everyone",
    "de": r"jemals|rekord\w*|immer|beispiellos\w*",
}
_CHANGE = {
    "en": r"crash\w*|collaps\w*|crater\w*|nosediv\w*|nose-div\w*|skyrocket\w*|rocket(?:ed|ing)|"
    r"balloon\w*|mushroom\w*|explod\w*|implod\w*|evaporat\w*|vanish\w*|disappear\w*|stagnat\w*|"
    r"stalled|plateaued|halv\w*|outs(?:old|ells?)|outperform\w*|outpac\w*|overt(?:ook|akes?)|"
    r"outstripp\w*|beats?|trail(?:s|ed)|lagg?(?:s|ed)|unchanged|flat|wiped out|recover\w*|swell\w*|"
    r"swelled|dwindl\w*|erod\w*|retreat\w*|advanc(?:ed|es|ing)|ticked|edged|inched|crept|leapt|"
    r"leap(?:ed|s)|vault\w*|spik(?:ed?|es|ing)|peaked|bottomed|tank(?:ed|ing)|nudged|eased|"
    r"zoomed|shot|boom\w*|bounc\w*|worsen\w*|deteriorat\w*|multiplied",
    "de": r"explodier\w*|stagnier\w*|unverändert|abgestürzt\w*|stürzt\w*|brach\w*|kollabier\w*|"
    r"schnellt\w*|schoss\w*|verdampft\w*|übertraf\w*|überholt\w*|halbiert\w*",
}


def claims(reading: Reading, numbers: bool) -> Iterator[tuple[int, int, Objection]]:
    """Words of a sentence that refuse it.

    Args:
        reading: the sentence; its labels are not looked into.
        numbers: whether it states a number.
    """
    sentence = reading.sentence
    language = primary(reading.language)
    if language not in _CHANGE:
        return
    taken = {i for label in sentence.labels for i in range(label.start, label.end)}
    taken |= {i for number in sentence.numbers for i in range(number.start, number.end)}
    claiming = numbers or bool(sentence.directions) or bool(sentence.superlatives)
    for match in _ALLOWED.finditer(sentence.text, sentence.start, sentence.end):
        taken |= set(range(match.start(), match.end()))
    groups = [(_CHANGE[language], bool(sentence.labels) or numbers)]
    groups.append((f"{_NEGATION[language]}|{_ABSOLUTE[language]}", claiming))
    for pattern, asked in groups:
        if not asked:
            continue
        found = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)
        for match in found.finditer(sentence.text, sentence.start, sentence.end):
            if match.start() in taken or _nearly(sentence.text[: match.start()]):
                continue
            yield match.start(), match.end(), Objection("ambiguous", "cannot be checked here")


def _nearly(before: str) -> bool:
    """The template's own "nahezu unverändert" is told of a change that is shown as zero."""
    return re.search(r"(?:nahezu|kaum)\s$", before) is not None


_RATE = re.compile(
    r"\s(?:an?|per|each|every|je|pro)\s(?P<u>minute|hour|day|week|month|quarter|year|Tag|Woche|"
    r"Monat|Quartal|Jahr|Stunde)\b",
    re.IGNORECASE,
)
_TIMES = {
    "tag": "day", "woche": "week", "monat": "month", "quartal": "quarter", "jahr": "year",
    "stunde": "hour",
}  # fmt: skip


def rate(reading: Reading, end: int) -> str:
    """What a number is said to be for each of ("a day", "pro Woche"); empty for nothing."""
    found = _RATE.match(reading.sentence.text, end)
    word = found.group("u").lower() if found else ""
    return _TIMES.get(word, word)
