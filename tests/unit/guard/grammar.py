"""A small grammar of true sentences about made-up facts, and mutations that make them false.

No sentence here is one of the template's or of the benchmark's statements. The words of
:data:`ODD` and the names are held out: the guard's lists were finished before these were
written, and nothing is copied from here to there. A mutation either contradicts the facts or says
what no fact can bear out, so the guard must refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from reports.guard import Context, Paragraph, Value, check

MEASURES = {
    "en": ("Footfall", "Ticket income", "Claims paid", "Ridership", "Water drawn", "Bed nights"),
    "de": ("Fahrgastzahl", "Ticketerlös", "Wasserverbrauch", "Belegung", "Schadenaufwand"),
}
MEMBERS = ("Utrecht", "Osaka", "Tampere", "Porto", "Cork", "Graz")
UNITS = {"en": ("GBP", "kWh", "visits"), "de": ("EUR", "kWh", "Besuche")}
PERIODS = (
    ("2014-W23", "2014-W22", "week"),
    ("2014-06", "2014-05", "month"),
    ("2014", "2013", "year"),
)
_UP = {
    "en": ("rose", "grew", "climbed", "increased", "went up", "gained"),
    "de": ("stieg", "wuchs", "kletterte", "erhöhte sich"),
}
_DOWN = {
    "en": ("fell", "dropped", "declined", "slipped", "went down", "shrank"),
    "de": ("sank", "fiel", "verringerte sich", "schrumpfte"),
}
_BASES = {
    "en": {
        "day": ("on the day before", "day on day", "over the previous day"),
        "week": ("on the week before", "week on week", "against the prior week",
                 "compared with the previous week", "from a week earlier"),
        "month": ("on the month before", "month over month", "versus the preceding month",
                  "compared with last month", "from a month ago"),
        "quarter": ("on the quarter before", "quarter on quarter", "against last quarter"),
        "year": ("on the year before", "year on year", "versus the prior year", "y/y",
                 "compared with a year earlier"),
    },
    "de": {
        "day": ("gegenüber dem Vortag", "im Vergleich zum Vortag"),
        "week": ("gegenüber der Vorwoche", "im Vergleich zur Vorwoche"),
        "month": ("gegenüber dem Vormonat", "verglichen mit dem Vormonat"),
        "quarter": ("gegenüber dem Vorquartal", "im Vergleich zum Vorquartal"),
        "year": ("gegenüber dem Vorjahr", "im Vergleich zum Vorjahr"),
    },
}  # fmt: skip
ODD = {
    "en": ("tanked", "rallied", "tapered", "mushroomed", "nosedived", "wobbled",
           "seesawed", "flatlined", "snowballed", "withered", "outgrew",
           "eclipsed", "trounced", "overshot", "undershot", "slackened", "quickened", "bled",
           "scarcely", "seldom", "rarely", "merely", "supposedly", "barely", "not", "never",
           "a smattering of", "umpteen", "a brace of", "a gross of", "a fortnight", "a shedload of",
           "a sliver of", "the lion's share of", "in vain", "unexpectedly",
           "an unrivalled", "a paltry", "a whopping", "a staggering", "measly", "sluggishly"),
    "de": (
        "kollabierte", "verebbte", "boomte", "halbierte sich", "versiebenfachte sich", "taumelte",
           "überflügelte", "übertrumpfte", "kaum", "niemals", "nicht", "selten", "angeblich",
           "lediglich", "eine Handvoll", "ein Schock", "ein Gros", "der Löwenanteil", "dreimal",
           "mickrige", "satte", "stolze", "sprunghaft", "erstmals", "vierzehntäglich"),
}  # fmt: skip
MULTIPLES = {
    "en": {"doubled": 2, "tripled": 3, "trebled": 3, "quadrupled": 4, "quintupled": 5},
    "de": {"verdoppelte sich": 2, "verdreifachte sich": 3, "verfünffachte sich": 5},
}
TOUCHING = (
    "²", "³", "½", "‰", "⅗", "①", "Ⅻ", " XIV", "k", "M", " lakh", " gross", "e3", "^2", "×10",
    " mille", " dozen", "%", " bn", "*", " score", " ppm", "°", " per mille", "/2", ":1",
)  # fmt: skip
RATES = {
    "en": ("a day", "per hour", "per head", "each minute", "an hour", "per passenger"),
    "de": ("je Stunde", "pro Kopf", "pro Minute", "je Fahrgast"),
}


@dataclass(frozen=True)
class World:
    """Facts of one measure, in one language.

    Attributes:
        now, then: levels of the period and the one before.
        growth: from one to the other, in %.
        parts: two members with their levels.
        other: a level of another measure.
        grain: of the periods.
    """

    language: str
    now: Value
    then: Value
    growth: Value
    parts: tuple[Value, Value]
    other: Value
    grain: str

    @property
    def values(self) -> tuple[Value, ...]:
        """All facts."""
        return (self.now, self.then, self.growth, *self.parts, self.other)

    def accepts(self, text: str) -> bool:
        """Whether the guard lets a sentence pass that may cite every fact."""
        cites = tuple(value.id for value in self.values)
        context = Context(self.values, (self.now.period, self.then.period))
        return check(Paragraph(text, cites), context, self.language).ok


@dataclass(frozen=True)
class Sentence:
    """A true sentence by its parts; ``order`` puts them together."""

    world: World
    order: Callable[[Sentence], str]
    measure: str
    member: str
    verb: str
    level: str
    change: str
    base: str

    @property
    def text(self) -> str:
        """The sentence."""
        written = self.order(self)
        return written[0].upper() + written[1:] + "."


def world(random: Random) -> World:
    """Made-up facts; the change is large enough to be told with one decimal."""
    language = random.choice(("en", "de"))
    unit = random.choice(UNITS[language])
    one, two = random.sample(MEASURES[language], 2)
    now, then, grain = random.choice(PERIODS)
    new = Decimal(random.randint(20_000, 900_000))
    old = new + new * random.choice((-1, 1)) * random.randint(11, 90) / 100
    at = {"unit": unit, "names": (one,)}
    first, second = random.sample(MEMBERS, 2)
    return World(
        language,
        Value("now", new, period=now, **at),
        Value("then", old, period=then, **at),
        Value("growth", (new - old) / old * 100, "%", (one,), period=now, signed=True,
              compared_to=then),
        (Value("a", (new * random.randint(30, 48) / 100).quantize(Decimal(1)), entity=first,
               period=now, **at),
         Value("b", (new * random.randint(10, 27) / 100).quantize(Decimal(1)), entity=second,
               period=now, **at)),
        Value("other", (new / 3).quantize(Decimal(1)), unit, (two,), period=now),
        grain,
    )  # fmt: skip


def number(value: Decimal, language: str, places: int = 0) -> str:
    """A number with the language's separators."""
    text = f"{abs(value):,.{places}f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def amount(value: Decimal, unit: str, language: str) -> str:
    """A level as it is written."""
    digits = number(value, language)
    symbol = {"GBP": "£", "EUR": "€"}.get(unit)
    if symbol and language == "en":
        return f"{symbol}{digits}"
    return f"{digits} {symbol or unit}"


_ORDERS: dict[str, tuple[Callable[[Sentence], str], ...]] = {
    "en": (
        lambda s: f"{s.measure} came to {s.level}",
        lambda s: f"{s.measure} stood at {s.level}, and {s.measure} in {s.member} at {_part(s)}",
        lambda s: f"at {s.level}, {s.measure.lower()} {s.verb} by {s.change} {s.base}",
        lambda s: f"{s.measure} {s.verb} {s.change} {s.base}",
        lambda s: f"{s.base}, {s.measure.lower()} {s.verb} by {s.change}",
        lambda s: f"{s.measure} {s.verb} by {s.change} {s.base}, to {s.level}",
        lambda s: f"{s.measure} in {s.member} reached {_part(s)}",
        lambda s: f"in {s.member}, {s.measure.lower()} totalled {_part(s)}",
    ),
    "de": (
        lambda s: f"{s.measure}: {s.level}",
        lambda s: f"die Kennzahl {s.measure} lag bei {s.level}",
        lambda s: f"die Kennzahl {s.measure} {s.verb} {s.base} um {s.change}",
        lambda s: f"{s.base} {s.verb} die Kennzahl {s.measure} um {s.change}",
        lambda s: f"die Kennzahl {s.measure} {s.verb} {s.base} um {s.change} auf {s.level}",
        lambda s: f"in {s.member} erreichte die Kennzahl {s.measure} {_part(s)}",
        lambda s: f"die Kennzahl {s.measure} betrug in {s.member} {_part(s)}",
    ),
}


def _part(said: Sentence) -> str:
    value = next(v for v in said.world.parts if v.entity == said.member)
    return amount(value.exact, value.unit, said.world.language)


def true_sentence(random: Random, facts: World) -> Sentence:
    """A sentence that the facts bear out."""
    language = facts.language
    growth = facts.growth.exact
    percent = " %" if language == "de" else random.choice((" %", "%", " per cent"))
    return Sentence(
        facts,
        random.choice(_ORDERS[language]),
        facts.now.names[0],
        facts.parts[0].entity,
        random.choice((_UP if growth > 0 else _DOWN)[language]),
        amount(facts.now.exact, facts.now.unit, language),
        number(growth, language, 1) + percent,
        random.choice(_BASES[language][facts.grain]),
    )


def mutations(random: Random, said: Sentence) -> dict[str, str]:
    """The same sentence with one thing wrong, by kind."""
    facts, language = said.world, said.world.language
    growth = facts.growth.exact
    other_grain = random.choice([g for g in _BASES[language] if g != facts.grain])
    stranger = random.choice([m for m in MEMBERS if m not in {v.entity for v in facts.parts}])
    far = facts.now.exact * random.choice((2, 3, 7))
    text = said.text
    name, other = said.measure, facts.other.names[0]
    verbs = (_DOWN if growth > 0 else _UP)[language]
    then = amount(facts.then.exact, facts.now.unit, language)
    digit = said.change[0]
    made = {
        "direction": replace(said, verb=random.choice(verbs)).text,
        "base": replace(said, base=random.choice(_BASES[language][other_grain])).text,
        "level": replace(said, level=then).text,
        "hedge": replace(said, level=_hedged(random, far, said)).text,
        "change": replace(said, change=said.change.replace(digit, _digit(digit), 1)).text,
        "measure": text.replace(name, other).replace(name.lower(), other.lower()),
        "member": text.replace(said.member, facts.parts[1].entity),
        "stranger": text.replace(said.member, stranger),
        "touching": _after_number(text, random.choice(TOUCHING)),
        "rate": _after_amount(said, random.choice(RATES[language])),
        "multiple": _multiple(random, facts),
        "odd verb": replace(said, verb=random.choice(ODD[language])).text,
        "odd word": _inserted(random, text, random.choice(ODD[language])),
        "compared": _compared(random, facts),
        "together": _together(facts),
    }  # fmt: skip
    return {kind: wrong for kind, wrong in made.items() if wrong and wrong != text}


def _digit(digit: str) -> str:
    return str(int(digit) % 9 + 1)


def _hedged(random: Random, far: Decimal, said: Sentence) -> str:
    words = {"en": ("nearly", "close to", "about", "almost"), "de": ("fast", "knapp", "rund")}
    written = amount(far, said.world.now.unit, said.world.language)
    return f"{random.choice(words[said.world.language])} {written}"


def _after_number(text: str, mark: str) -> str:
    """The mark right after the last digit."""
    places = [i for i, c in enumerate(text) if c.isdecimal()]
    return text[: places[-1] + 1] + mark + text[places[-1] + 1 :] if places else ""


def _after_amount(said: Sentence, rate: str) -> str:
    for written in (said.level, _part(said), said.change):
        if written in said.text:
            return said.text.replace(written, f"{written} {rate}", 1)
    return ""


def _inserted(random: Random, text: str, word: str) -> str:
    """The word before some word of the sentence but the first."""
    words = text.split(" ")
    place = random.randrange(1, len(words))
    return " ".join([*words[:place], word, *words[place:]])


def _multiple(random: Random, facts: World) -> str:
    """A factor that the change is not."""
    factor = facts.now.exact / facts.then.exact
    word, said = random.choice(sorted(MULTIPLES[facts.language].items()))
    name = f"{'Die Kennzahl ' if facts.language == 'de' else ''}{facts.now.names[0]}"
    return "" if abs(factor - said) < said * Decimal("0.1") else f"{name} {word}."


def _compared(random: Random, facts: World) -> str:
    """The smaller member said to have more."""
    more, less = facts.parts
    name = facts.now.names[0]
    if facts.language == "de":
        return f"Die Kennzahl {name} war in {less.entity} höher als in {more.entity}."
    return random.choice(
        (
            f"{name} in {less.entity} was higher than in {more.entity}.",
            f"{less.entity} had more {name.lower()} than {more.entity}.",
            f"{name} of {more.entity} was below that of {less.entity}.",
            f"{less.entity} leads in {name.lower()}.",
            f"{less.entity} beat {more.entity} in {name.lower()}.",
        )
    )


def _together(facts: World) -> str:
    """One member's level told of two."""
    more, less = facts.parts
    level = amount(more.exact, more.unit, facts.language)
    if facts.language == "de":
        return (
            f"Die Kennzahl {facts.now.names[0]} betrug in {less.entity} und {more.entity} {level}."
        )
    return f"{facts.now.names[0]} in {less.entity} and {more.entity} came to {level}."
