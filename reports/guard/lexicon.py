"""Words of each language that carry numbers, directions and structure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from reports.guard.language import primary, separators


@dataclass(frozen=True)
class Lexicon:
    """One language. Patterns are matched against whole words, in lower case.

    Attributes:
        group: what separates thousands.
        decimal: what separates decimals.
        scales: word -> power of ten.
        vague: plural scale words that state no number ("millions of").
        rise, fall: words of direction; ``weak_rise`` and ``weak_fall`` speak of a change only
            beside a number.
        change: neutral words of change; a number beside them is signed as written.
        high, low: superlatives.
        base: words before the period or number that one compares with.
        split: words that begin a new statement.
        over, under: bounds before a number; ``about`` leaves both sides open.
        negative: nouns that turn the sign of what they name.
        copula: words before which brackets mean a minus.
        listed: words for "in the order given".
        filler: words that may stand between a direction and its number.
        whole: words for the whole that end the reach of an entity.
        op_words: operation -> words of which a text stating it has one.
        percent, points, basis, times: words of units.
        target: what is aimed at.
    """

    group: str
    decimal: str
    scales: dict[str, int]
    vague: str
    rise: str
    fall: str
    weak_rise: str
    weak_fall: str
    change: str
    high: str
    low: str
    base: str
    split: str
    over: str
    under: str
    about: str
    negative: str
    copula: str
    listed: str
    filler: str
    whole: str
    op_words: dict[str, str]
    percent: str
    points: str
    basis: str
    times: str
    target: str


_SHORT = {"k": 3, "m": 6, "mm": 6, "mn": 6, "b": 9, "bn": 9, "t": 12, "tn": 12, "trn": 12}

ENGLISH = Lexicon(
    group=",",
    decimal=".",
    scales={
        **_SHORT,
        "thousand": 3,
        "million": 6,
        "millions": 6,
        "mln": 6,
        "mio": 6,
        "billion": 9,
        "billions": 9,
        "bln": 9,
        "trillion": 12,
        "thousands": 3,
        "hundred": 2,
        "lakh": 5,
        "lakhs": 5,
        "lac": 5,
        "crore": 7,
        "crores": 7,
        "cr": 7,
        "grand": 3,
    },
    vague=r"hundreds|thousands|millions|billions|trillions|dozens|scores",
    rise=r"rose|rises?|risen|rising|increas\w*|grew|grows?|grown|growing|gain(?:s|ed|ing)?|"
    r"climb\w*|jump\w*|surg(?:ed?|es|ing)|soar\w*|expanded|expanding|rebounded|"
    r"accelerat\w*|strengthened",
    fall=r"fell|falls?|fallen|falling|decreas\w*|declin\w*|dropp?(?:s|ed|ing)?|shr[aiu]nk\w*|"
    r"reduc\w*|slid|slump\w*|contracted|contracting|plung\w*|plummet\w*|dipp?(?:s|ed|ing)?|"
    r"slipp?(?:s|ed|ing)?|tumbl\w*|weakened|lost|sank|sinks?|sunk|diminish\w*",
    weak_rise=r"up|higher|more|above|growth|greater|larger|exceed(?:s|ed|ing)?|bigger",
    weak_fall=r"down|lower|less|fewer|below|smaller",
    change=r"chang(?:e|es|ed|ing)|differences?|differ(?:s|ed)?|gap|variance|movement|moved|delta",
    high=r"highest|largest|biggest|greatest|top|strongest|most|maximum|peak|best",
    low=r"lowest|smallest|weakest|least|fewest|minimum|bottom|worst",
    base=r"from|since|than|versus|vs|against|compared|comparison|relative|over|on|after|"
    r"earlier|prior|preceding",
    split=r"while|whereas|but|compared|versus|vs|against|although|though|followed",
    over=r"more than|over|above|at least|exceeding|upwards of|no less than|greater than|"
    r"higher than|just over|slightly more than|well over",
    under=r"less than|under|below|at most|almost|nearly|close to|just under|up to|fewer than|"
    r"no more than|slightly less than|lower than",
    about=r"about|around|roughly|approximately|some|circa|ca|approx|an estimated",
    negative=r"loss|losses|deficit|shortfall|outflow|outflows|used|negative|minus",
    copula=r"was|were|is|are|of|to|by|at|from|and|totall?ed|amounted|reached|equals|equalled|"
    r"stood|be|came|reported|recorded|showed|versus|vs|than|or|with",
    listed=r"respectively",
    filler=r"by|of|about|around|nearly|almost|some|a|an|the|further|another|more|than|over|"
    r"under|just|only|roughly|approximately|another|an?|additional|less|at|least|is|was|were|"
    r"slightly|well|up",
    whole=r"overall|altogether|total|whole|group|combined|company",
    op_words={
        "sum": r"sum|total\w*|combined|together|altogether|aggregate\w*|add(?:s|ed|ing)?|all|"
        r"overall|cumulative\w*|plus",
        "mean": r"averag\w*|mean|typical\w*",
        "share": r"of|shares?|proportions?|percentages?|account\w*|represent\w*|contribut\w*|"
        r"made|portion|fraction|constitut\w*|compris\w*|generat\w*|came|in|as|relative|to|over",
        "ratio": r"ratio|times|per|to|x|over|each|every|divided|multiple|as|relative|proportions?|"
        r"shares?|of|coverage|turnover",
    },
    percent=r"%|percent|per cent|pct",
    points=r"percentage[ -]points?|pp|ppts?|%[ -]?points?|p\.p\.|pct points?|pts",
    basis=r"basis points?|bps?|bp",
    times=r"times|x|fold|-fold",
    target=r"targets?|goals?",
)

GERMAN = Lexicon(
    group=".",
    decimal=",",
    scales={
        "k": 3,
        "tsd": 3,
        "tausend": 3,
        "t": 3,
        "mio": 6,
        "million": 6,
        "millionen": 6,
        "m": 6,
        "mrd": 9,
        "milliarde": 9,
        "milliarden": 9,
        "bio": 12,
        "billion": 12,
        "billionen": 12,
        "brd": 15,
        "billiarde": 15,
        "billiarden": 15,
        "hundert": 2,
        "mill": 6,
    },
    vague=r"hunderte|tausende|millionen|milliarden|dutzende|hunderten|tausenden",
    rise=r"stieg\w*|steig(?:en|t|end|ende|enden|erte|erten|ern|ert|erung|erungen)|gestiegen\w*|"
    r"gesteigert\w*|anstieg\w*|zunah\w*|zunahmen?|zugenommen|zuwachs|zuwächse|wuchs|wuchsen|"
    r"wachsen\w*|wächst|gewachsen\w*|erhöh\w*|kletter\w*|zulegt\w*|zugelegt|angestiegen\w*|"
    r"zunehm\w*|verdoppelt\w*",
    fall=r"sank|sanken|sink\w*|gesunken\w*|fiel|fielen|fällt|fallend\w*|gefallen\w*|rückgang\w*|"
    r"rückgänge|zurück|zurückging\w*|zurückgegangen\w*|abnah\w*|abnahmen?|abgenommen|"
    r"verringer\w*|reduzier\w*|schrumpf\w*|gesenkt\w*|senk(?:te|ten|ung|ungen)|einbruch|"
    r"eingebrochen|verlor\w*|nachgab",
    weak_rise=r"mehr|höher\w*|über|plus|wachstum|größer\w*|oberhalb|zu",
    weak_fall=r"weniger|niedriger\w*|geringer\w*|unter|minus|kleiner\w*|unterhalb|ab",
    change=r"änder\w*|veränder\w*|differenz\w*|unterschied\w*|abweich\w*|abstand",
    high=r"höchste\w*|größte\w*|stärkste\w*|meiste\w*|beste\w*|spitzen\w*|maximum",
    low=r"niedrigste\w*|kleinste\w*|geringste\w*|schwächste\w*|wenigste\w*|schlechteste\w*|"
    r"minimum|tiefste\w*",
    base=r"von|vom|seit|als|gegenüber|verglichen|vergleich|nach|ggü|vor|vorher",
    split=r"während|wohingegen|aber|jedoch|verglichen|gegenüber|obwohl|gefolgt|hingegen",
    over=r"mehr als|über|mindestens|wenigstens|oberhalb von|gut|knapp über",
    under=r"weniger als|unter|höchstens|fast|beinahe|nahezu|knapp|bis zu|annähernd",
    about=r"etwa|rund|ungefähr|circa|ca|zirka|gegen",
    negative=r"verlust|verluste|verlusts|fehlbetrag|defizit|jahresfehlbetrag|abfluss|minus|negativ",
    copula=r"war|waren|ist|sind|von|auf|um|bei|betrug|betrugen|beträgt|erreichte|und|gegenüber|"
    r"nach|lag|lagen|als",
    listed=r"beziehungsweise|jeweils|bzw",
    filler=r"um|von|etwa|rund|fast|knapp|gut|über|ein|eine|einen|weitere|mehr|als|ungefähr|nur|"
    r"unter|nahezu|beinahe|ist|war|betrug|sich|dabei|leicht|deutlich|der|die|das|einem|auf",
    whole=r"insgesamt|gesamt\w*|alle|konzern",
    op_words={
        "sum": r"summe|insgesamt|zusammen|gesamt\w*|total|plus|addier\w*|alle|allen",
        "mean": r"durchschnitt\w*|mittel|mittelwert|schnitt|im mittel",
        "share": r"anteil\w*|von|vom|an|am|des|der|entfiel\w*|entfallen|prozent|trug|beitrug|aus|"
        r"mach\w*|stamm\w*",
        "ratio": r"verhältnis|mal|pro|je|zu|fache\w*|faktor|quote|als|x",
    },
    percent=r"%|prozent|v\.h\.",
    points=r"prozentpunkte?n?|pp|%-?punkte?n?",
    basis=r"basispunkte?n?|bp|bps",
    times=r"mal|x|fache|-fache",
    target=r"ziele?n?s?|zielwert\w*|zielerreichung|planwert\w*",
)

_JAPANESE_SCALES = {"千": 3, "万": 4, "百万": 6, "億": 8, "兆": 12}
_ARABIC_SCALES = {
    "ألف": 3, "آلاف": 3, "ألفًا": 3, "مليون": 6, "ملايين": 6, "مليونًا": 6, "مليار": 9,
    "مليارات": 9, "بليون": 9, "تريليون": 12, "ترليون": 12,
}  # fmt: skip


@cache
def lexicon(language: str) -> Lexicon:
    """The words of a BCP 47 language; unknown ones are read as English."""
    words = _LEXICONS.get(primary(language), ENGLISH)
    group, decimal = separators(language, words.group, words.decimal)
    return replace(words, group=group, decimal=decimal)


def _beside_english(**changes: object) -> Lexicon:
    values: dict[str, object] = {**ENGLISH.__dict__, **changes}
    return Lexicon(**values)  # type: ignore[arg-type]


def _joined(english: str, more: str) -> str:
    return f"{english}|{more}"


_LEXICONS: dict[str, Lexicon] = {
    "en": ENGLISH,
    "de": GERMAN,
    "ja": _beside_english(
        scales={**ENGLISH.scales, **_JAPANESE_SCALES},
        percent=_joined(ENGLISH.percent, "パーセント"),
        points=_joined(ENGLISH.points, "パーセントポイント|ポイント"),
        rise=_joined(ENGLISH.rise, "増加|上昇|増|伸び|上回"),
        fall=_joined(ENGLISH.fall, "減少|低下|減|下落|下回"),
        change=_joined(ENGLISH.change, "変化|変動|差"),
        high=_joined(ENGLISH.high, "最も高い|最大|最高|最多"),
        low=_joined(ENGLISH.low, "最も低い|最小|最低|最少"),
        target=_joined(ENGLISH.target, "目標|達成率"),
    ),
    "ar": _beside_english(
        scales={**ENGLISH.scales, **_ARABIC_SCALES},
        percent=_joined(ENGLISH.percent, "بالمئة|في المئة|بالمائة|في المائة"),
        points=_joined(ENGLISH.points, "نقطة مئوية|نقاط مئوية"),
        rise=_joined(ENGLISH.rise, "ارتفع|ارتفعت|ارتفاع|زاد|زادت|زيادة|نما|نمت"),
        fall=_joined(ENGLISH.fall, "انخفض|انخفضت|انخفاض|تراجع|تراجعت|هبط|هبطت"),
        change=_joined(ENGLISH.change, "تغير|تغيرت|تغيّر|فرق"),
        high=_joined(ENGLISH.high, "أعلى|أكبر|أكثر"),
        low=_joined(ENGLISH.low, "أدنى|أقل|أصغر"),
        target=_joined(ENGLISH.target, "الهدف(?: البالغ)?"),
    ),
}
