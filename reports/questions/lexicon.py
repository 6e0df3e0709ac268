"""The closed class: words of questions that the grammar knows, in English and German.

What stands neither here nor in the semantic layer is a word that is not understood, and a
question with such a word is refused. So a word may be called filler only where leaving it out
never changes what is asked: ``not``, ``new`` or ``without`` are none.
"""

from __future__ import annotations

from reports.questions.words import fold


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in text.split())


FILLER = _words(
    # English
    "a an the of our we i me my you your it its they their them there here "
    "how what whats show tell give list display print see find get want need know like would "
    "could can "
    "please hi hello thanks thank let is are was were be been did do does done had has have having "
    "much made make makes making come came in on at for from during within figure figures "
    "data look looks looked wanted about so exactly actually "
    "earn earned take took generate generated happened happen occur occurred occurs that "
    "get got gotten receive received send sent recorded record counted count placed place our "
    "register registered bring brought sell "
    # German
    "der die das des dem den ein eine einen einem einer eines unser unsere unseren unserem unserer "
    "wir uns ich mir mich du sie er es ihr ihre ihren ihrem ihrer man was wie zeig zeige zeigen "
    "gib gebe nenne nenn sag sage liste bitte mal denn doch war waren ist sind wird wurde wurden "
    "werden hat hatte hatten haben habe gab gibt sehen wissen mochte will kannst konnen "
    "konntest im in am an "
    "fur von vom bei beim auf aus wahrend innerhalb da dort "
    "sich gesendet abgegeben geschickt geliefert betrug betragt lag liegt gemacht "
    "erzielt erzielten machten machte verzeichnet erfasst hoch "
    "reingekommen hereingekommen eingegangen gezahlt eigentlich genau bekommen erhalten kam "
    "kamen gekommen "
    "zahl zahlen daten aufgetreten angefallen eingenommen"
)
"""Words that carry no meaning in a question."""

PHRASES = (
    "show us",
    "give us",
    "tell us",
    "let us",
    "so far",
    "so far this",
    "as of now",
    "right now",
    "bis jetzt",
    "bisher",
)
"""Filler of more than one word."""
HOW_MANY = ("how many", "number of", "count of", "wie viele", "wieviele", "anzahl", "anzahl der",
            "anzahl an", "zahl der", "die zahl der", "wie oft")  # fmt: skip
HOW_MUCH = ("how much", "how high", "how large", "how big", "wie viel", "wieviel", "wie hoch",
            "wie gross", "how often", "how many times")  # fmt: skip
TOTAL = ("sum up", "add up", "total", "overall", "altogether", "in total", "sum of",
         "combined", "gesamt", "gesamte",
         "gesamter", "gesamten", "insgesamt", "summe", "summe der", "in summe", "whole",
         "all in all", "entire")  # fmt: skip
WHY = ("why", "what caused", "what is causing", "what explains", "explain", "reason for",
       "reasons for", "how come", "what drove", "what is behind", "what was behind", "cause of",
       "causes of", "warum", "wieso", "weshalb", "woran", "wodurch", "grund fur", "grunde fur",
       "ursache fur", "ursachen fur", "ursache", "erklare", "was erklart", "what led to",
       "what made", "wovon kommt", "woher kommt")  # fmt: skip
UP = ("rise", "rose", "risen", "rises", "grow", "grew", "grown", "grows", "increase", "increased",
      "increases", "go up", "went up", "gone up", "climb", "climbed", "jump", "jumped", "improve",
      "improved", "up", "surge", "surged",
      "gestiegen", "stieg", "steigen", "steigt", "gewachsen", "wuchs", "zugenommen", "nahm zu",
      "zunahme", "anstieg", "angestiegen", "hochgegangen", "erhoht", "steigerung",
      "zuwachs")  # fmt: skip
DOWN = ("drop", "dropped", "drops", "fall", "fell", "fallen", "falls", "decrease", "decreased",
        "decreases", "decline", "declined", "declines", "go down", "went down", "gone down",
        "shrink", "shrank", "down", "sink", "sank", "dip", "dipped", "plunge", "plunged", "worsen",
        "worsened",
        "gefallen", "fiel", "fallt", "gesunken", "sank", "sinken", "sinkt", "abgenommen",
        "nahm ab", "abnahme", "ruckgang", "zuruckgegangen", "ging zuruck", "eingebrochen",
        "einbruch", "brach ein", "abgefallen", "abfall", "runtergegangen", "gesunkenen",
        "eingeknickt")  # fmt: skip
CHANGE = ("go up or down", "rise or fall", "increase or decrease", "rise or drop",
          "up or down", "gestiegen oder gefallen", "gefallen oder gestiegen", "hoch oder runter",
          "change", "changed", "changes", "change in", "difference in", "difference", "develop",
          "developed", "development of", "evolve", "evolved", "growth", "growth of", "growth in",
          "higher", "lower", "verandert", "veranderung", "anderung", "geandert", "entwickelt",
          "entwicklung", "wachstum", "unterschied", "hoher", "niedriger")  # fmt: skip
VERSUS = ("compare", "comparison of", "comparing", "vergleiche", "vergleich", "verglich",
          "against", "versus", "vs", "compared to", "compared with", "in comparison to",
          "in comparison with", "relative to", "than", "as opposed to", "compared against",
          "in relation to", "gegenuber", "im vergleich zu", "im vergleich zum", "im vergleich zur",
          "im vergleich mit", "verglichen mit", "gegen", "als", "verglichen zu",
          "im verhaltnis zu", "im verhaltnis zur", "im verhaltnis zum")  # fmt: skip
BY = ("by", "per", "for each", "for every", "in each", "in every", "of each", "of every", "each",
      "every", "broken down by", "split by", "grouped by", "group by", "across", "according to",
      "nach", "je", "pro", "fur jede", "fur jeden", "fur jedes", "in jedem", "in jeder", "jede",
      "jeder", "jedes", "jeden", "aufgeteilt nach", "aufgeschlusselt nach", "gruppiert nach",
      "sortiert nach", "unterteilt nach", "broken out by", "separately by", "a breakdown by",
      "breakdown by", "gegliedert nach")  # fmt: skip
WHICH = ("which", "welche", "welcher", "welches", "welchen", "welchem", "who", "wer",
         "in which", "in welchem", "in welcher", "in welchen", "what")  # fmt: skip
MOST = ("highest", "largest", "biggest", "most", "greatest", "top", "strongest", "the most",
        "maximum", "max", "leading",
        "hochste", "grosste", "meiste", "starkste", "am meisten", "am hochsten", "am grossten",
        "maximale", "top")  # fmt: skip
LEAST = ("lowest", "smallest", "least", "fewest", "weakest", "bottom", "the least", "minimum",
         "niedrigste", "kleinste", "wenigste", "geringste", "schwachste", "am wenigsten",
         "am niedrigsten", "am kleinsten", "minimale", "am geringsten")  # fmt: skip
TO = ("to", "zu", "zum", "zur")
"""Joins what is compared; alone it has a meaning of its own (``from Germany to France``)."""
AVERAGE = ("average", "mean", "on average", "in average", "avg", "durchschnittlich", "mittlere",
           "im schnitt", "im durchschnitt", "durchschnitt", "durchschnitt des",
           "mittelwert")  # fmt: skip
"""With hours, days, weeks or months to take the mean of; else it is not understood."""
ONE = ("welcher", "welches", "welchem", "in welchem", "in welcher")
"""Of one, whatever the noun's form."""
THAN = ("higher than", "lower than", "more than", "less than", "hoher als", "niedriger als",
         "mehr als", "weniger als", "grosser als", "kleiner als")  # fmt: skip
ORDERS = ("by", "according to", "nach", "sortiert nach")
MANY = ("welche", "welchen")
"""Of several, where the noun is the same."""
UNIT_WORDS = {
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP", "pound": "GBP", "pounds": "GBP",
    "pfund": "GBP", "kwh": "kWh", "percent": "%", "prozent": "%", "%": "%", "€": "EUR", "£": "GBP",
}  # fmt: skip
"""Units that a question may name; another one than the metric's refuses it."""
SPLIT = ("distributed", "distribution of", "break down", "breakdown of", "verteilt", "verteilung",
         "verteilen", "aufteilung", "split up", "divided")  # fmt: skip
"""Asks for parts, so something to group by must follow."""
BEST = ("best", "beste", "besten", "bester", "bestes")
WORST = ("worst", "schlechteste", "schlechtesten")
MORE = ("more than", "over", "above", "greater than", "higher than", "exceeding", "mehr als",
        "uber", "grosser als", "hoher als", ">")  # fmt: skip
LESS = ("less than", "fewer than", "under", "below", "lower than", "smaller than", "weniger als",
        "unter", "kleiner als", "niedriger als", "<")  # fmt: skip
AT_LEAST = ("at least", "no less than", "mindestens", "wenigstens", ">=")
AT_MOST = ("at most", "no more than", "hochstens", "maximal", "<=")
EXCEPT = ("except", "excluding", "without", "apart from", "other than", "except for", "but not",
          "not in", "outside", "outside of", "ohne", "ausser", "ausserhalb von", "bis auf",
          "ausgenommen", "nicht in")  # fmt: skip
IS = ("=", "is", "equals", "equal to", "ist", "gleich", "named", "called", "namens")
WHERE = ("where", "whose", "only", "just", "nur", "wo", "bei denen", "lediglich", "ausschliesslich")
AND = ("and", "und", "sowie", "as well as", "plus", "&", "or", "oder", "both")
AGAIN = ("what about", "how about", "and what about", "and how about", "wie sieht es aus",
         "und wie sieht es aus mit", "was ist mit", "und was ist mit", "wie sieht es mit",
         "now", "instead", "stattdessen", "nun", "same", "the same", "dasselbe", "and", "und",
         "then", "dann", "also", "auch", "again", "nochmal", "noch einmal", "now show",
         "jetzt")  # fmt: skip
"""What begins a question that goes on from the one before."""

HOURLY = ("hourly", "stundlich")
DAILY = ("daily", "taglich")
WEEKLY = ("weekly", "wochentlich")
MONTHLY = ("monthly", "monatlich")
TREND = ("trend", "over time", "time series", "course of", "im zeitverlauf", "zeitverlauf",
         "verlauf", "zeitlicher verlauf", "im verlauf", "history of", "historie")  # fmt: skip

UNITS = {
    "hour": ("hour", "stunde"),
    "day": ("day", "tag"),
    "week": ("week", "woche"),
    "month": ("month", "monat"),
    "quarter": ("quarter", "quartal"),
    "year": ("year", "jahr"),
}

NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "one a", "two zwei", "three drei", "four vier", "five funf", "six sechs",
            "seven sieben", "eight acht", "nine neun", "ten zehn", "eleven elf", "twelve zwolf",
        ),
        start=1,
    )
    for word in words.split()
    if word != "a"
}  # fmt: skip
"""Words of small numbers; ``a`` and ``ein`` are articles."""
GERMAN = _words(
    "der die das des dem den ein eine einen einem einer wie viel viele hoch war waren ist sind "
    "wurde wurden hat haben im am fur von vom und nach pro je welche welcher welches welchen "
    "warum wieso weshalb zeig zeige gib nenne bitte letzte letzten letzter letztes gestern heute "
    "gegenuber vergleich zwischen bis seit umsatz gesamt insgesamt anzahl mit gab unser unsere nur "
    "wer was ohne woche monat jahr tag stunde vorwoche diese dieser dieses"
)
ENGLISH = _words(
    "the a an what which how many much is are did does do do show me why of by per for with last "
    "yesterday today week month year day hour against between since until and total and our from "
    "give tell we had have than when where in"
)
"""Words by which the language of a question is told."""
